"""A cache of a teacher's features holds what the teacher says about each crop."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config

from perception_kd.datasets.stored_views import StoredView, view_key
from perception_kd.datasets.transforms.image_geometry import CropBox, crop_views, mirror_views
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from perception_kd.engine.teacher_cache.create import (
    TeacherOptions,
    build_pretrainer,
    create_teacher_cache,
)
from perception_kd.engine.teacher_cache.crop_sources import build_sources
from perception_kd.io.caches.rows import IDS, INDEX, ROWS, RowCache
from tests.fake_data.prepared import PreparedData

CONFIG = Path(__file__).parents[3] / (
    "configs/slidr/slidr-cached_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py"
)
OPTIONS = TeacherOptions("make it", workers=0, progress=False)


def read_small(
    prepared: PreparedData, folder: Path, stores: str = "superpixels", **crop: Any
) -> Config:
    """Return the config for one camera and two crops of 64 x 96 px."""
    _, data_root, _, info_root = prepared.options_for(CONFIG)
    for path in Path(info_root).glob("*_infos_*.pkl"):
        (folder / path.name).symlink_to(path)
    if not (folder / "superpixels").exists():
        shutil.copytree(Path(info_root) / "superpixels", folder / "superpixels")
    cfg = read_config(CONFIG)
    set_data_folders(cfg, data_root, str(folder))
    for split in ("train", "val", "test"):
        data_set = cfg[f"{split}_dataloader"].dataset
        data_set.cameras = ["CAM_FRONT"]
        step = next(each for each in data_set.pipeline if each["type"] == "StoredCrops")
        step.update(size=(64, 96), stores=stores, **(crop if split == "train" else {}))
        if split == "train":
            step["num_crops"] = 2
    return cfg


@pytest.fixture(scope="module")
def made(
    prepared_synthetic: PreparedData, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Config, RowCache]:
    """Return a config, and the cache that was made for it."""
    cfg = read_small(prepared_synthetic, tmp_path_factory.mktemp("cached"))
    return cfg, create_teacher_cache(cfg, OPTIONS)


def see_again(cfg: Config, view: StoredView, index: int) -> tuple[torch.Tensor, Any]:
    """Return the teacher's enlarged map of a stored crop, and its superpixels."""
    source, model = build_sources(cfg)[0], build_pretrainer(cfg).eval()
    sample: Any = source.dataset.prepare_data(index)
    cropped = crop_views(sample, [CropBox(*view[:4])], (64, 96), antialias=False)
    cropped = mirror_views(cropped, np.array([bool(view.is_mirrored)]), [96])
    imgs = torch.from_numpy(np.stack(cropped["imgs"]).transpose(0, 3, 1, 2).copy())
    batch = model.data_preprocessor({"inputs": {"imgs": [imgs]}})["inputs"]
    feats = model.img_head.upsample(model.img_backbone(batch["imgs"]), (64, 96))
    return feats[0], cropped["superpixels"][0]


def check_rows(cfg: Config, cache: RowCache, crop: int) -> None:
    """Compare the rows of a crop of the second sample with what the teacher says."""
    token = build_sources(cfg)[0].dataset.get_data_info(1)["img_tokens"][0]
    entry = cache.read_rows(view_key(token, crop))
    feats, superpixels = see_again(cfg, StoredView(*entry.note), 1)
    assert entry.ids.tolist() == sorted(set(superpixels.flatten().tolist()) - {-1})
    for number, row in zip(entry.ids.tolist(), entry.rows, strict=True):
        mean = feats[:, torch.from_numpy(superpixels == number)].mean(dim=1).numpy()
        np.testing.assert_allclose(row, mean, rtol=2e-3, atol=2e-3)
    assert len(entry.ids) > 20


@pytest.mark.parametrize("crop", [0, 1])
def test_rows_are_means_over_superpixels(made: tuple[Config, RowCache], crop: int) -> None:
    check_rows(*made, crop)


def test_rows_of_a_teacher_of_your_own_are_its_means(
    prepared_synthetic: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_nets.py").write_text("from torch import nn\nnet = nn.Conv2d(3, 6, 16, 16)\n")
    (tmp_path / "infos").mkdir()
    cfg = read_small(prepared_synthetic, tmp_path / "infos")
    cfg.model.img_backbone.backbone = {"type": "CallableTeacher", "name": "own_nets:net"}
    cache = create_teacher_cache(cfg, OPTIONS)
    assert cache.manifest["settings"]["teacher"]["network"] == "CallableTeacher:own_nets:net"
    check_rows(cfg, cache, 0)


def test_all_crops_are_stored_and_validation_has_whole_images(
    made: tuple[Config, RowCache],
) -> None:
    cfg, cache = made
    train, val = build_sources(cfg)
    assert len(cache) == 2 * len(train.dataset) + len(val.dataset)
    token = val.dataset.get_data_info(0)["img_tokens"][0]
    view = StoredView(*cache.read_rows(view_key(token, None)).note)
    assert view[:5] == (0, 0, 180, 320, 0)
    assert cache.manifest["num_entries"] == len(cache)
    assert len(cache.manifest["settings"]["teacher"]["weights"]) == 64


def test_workers_and_interruptions_leave_the_same_bytes(
    made: tuple[Config, RowCache], prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    _, cache = made
    cfg = read_small(prepared_synthetic, tmp_path)
    again = create_teacher_cache(cfg, OPTIONS._replace(workers=1))
    names = (ROWS, IDS, INDEX)
    whole = [(cache.folder / name).read_bytes() for name in names]
    assert [(again.folder / name).read_bytes() for name in names] == whole
    path = again.folder / ROWS
    path.write_bytes(path.read_bytes()[:-100])  # the last entry is torn
    create_teacher_cache(cfg, OPTIONS)
    assert [(again.folder / name).read_bytes() for name in names] == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": 0.25}, "crops is .*'p': 0.5.*, not .*'p': 0.25"),
        ({"size": (64, 128)}, r"size is \[64, 96\], not \[64, 128\]"),
    ],
)
def test_a_cache_of_other_crops_is_refused_by_name(
    made: tuple[Config, RowCache], change: dict[str, Any], message: str
) -> None:
    cfg = Config(made[0].to_dict())
    for split in ("train", "val", "test"):
        for step in cfg[f"{split}_dataloader"].dataset.pipeline:
            if step["type"] == "StoredCrops" and (split == "train" or "size" in change):
                step.update(change)
    with pytest.raises(ValueError, match=message):
        create_teacher_cache(cfg, OPTIONS)


def test_a_cache_of_another_teacher_is_refused_by_name(made: tuple[Config, RowCache]) -> None:
    cfg = Config(made[0].to_dict())
    cfg.model.img_backbone.backbone.out_strides = (32,)
    with pytest.raises(ValueError, match=r"teacher is .*'stride': 16.* not .*'stride': 32"):
        create_teacher_cache(cfg, OPTIONS)


def test_a_cache_that_is_too_large_is_refused_before_it_is_made(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    cfg = read_small(prepared_synthetic, tmp_path)
    with pytest.raises(ValueError, match="GB, more than --max-size 1e-06 GB; raise"):
        create_teacher_cache(cfg, OPTIONS._replace(max_gb=1e-6))
    assert len(RowCache.open(tmp_path / "teacher/efflite0", "teacher")) == 0


def test_a_config_without_a_cache_is_refused(prepared_synthetic: PreparedData) -> None:
    cfg = read_config(str(CONFIG).replace("slidr-cached_", "slidr_"))
    _, data_root, _, info_root = prepared_synthetic.options_for(CONFIG)
    set_data_folders(cfg, data_root, info_root)
    with pytest.raises(ValueError, match="no pipeline has the step StoredCrops"):
        create_teacher_cache(cfg, OPTIONS)
