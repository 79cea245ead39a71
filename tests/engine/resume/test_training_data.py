"""The data that a training resumes with are those before, to the last number."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch.utils.data import DataLoader

from perception_kd.engine.resume.checks import check_data
from perception_kd.engine.resume.training_data import describe_training_data
from perception_kd.io.caches.cache import Cache
from perception_kd.registry import DATASETS
from tests.datasets.small_dataset import make_small_dataset

SUPERPIXELS = dict(type="LoadSuperpixels", cache="superpixels/fast_9")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_cache(make_small_dataset(tmp_path_factory.mktemp("small")))


def add_cache(root: Path, compactness: float = 6.0) -> Path:
    folder = root / "superpixels" / "fast_9"
    shutil.rmtree(folder, ignore_errors=True)
    Cache.create(folder, "superpixels", {"compactness": compactness}, ".png", {})
    return root


def load(root: Path) -> DataLoader[Any]:
    config: dict[str, Any] = dict(type="CameraLidarDataset", ann_file="infos.pkl")
    config |= dict(data_root=str(root), serialize_data=False, with_boxes=True)
    return DataLoader(DATASETS.build(config | dict(pipeline=[SUPERPIXELS])), batch_size=2)


def edit(root: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = root / "infos.pkl"
    info = pickle.loads(path.read_bytes())
    change(info)
    path.write_bytes(pickle.dumps(info))
    return root


def resume(before: Path, now: Path) -> None:
    """Check the data of one folder against those of a training with another."""
    stored = {"training_data": describe_training_data(load(before)), "world_size": 1}
    state = SimpleNamespace(path=Path("epoch_1.pth"), meta=stored, epoch=1, steps=4)
    runner = SimpleNamespace(
        train_dataloader=load(now), world_size=1, cfg=SimpleNamespace(filename="config.py")
    )
    check_data(runner, state, by_epoch=True)  # type: ignore[arg-type]


def test_copied_data_are_the_same(root: Path, tmp_path: Path) -> None:
    resume(root, shutil.copytree(root, tmp_path / "copy"))


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["data_list"][3]["images"]["CAM_BACK"]["cam2img"][0].__setitem__(0, 16.1),
        lambda info: info["data_list"][3]["instances"][0]["bbox_3d"].__setitem__(6, 0.31),
        lambda info: info["data_list"][3]["instances"].pop(),
        lambda info: info["data_list"][3]["lidar_sweeps"].pop(),
        lambda info: info["data_list"][3].pop("pts_semantic_mask_path"),
        lambda info: info["metainfo"]["categories"].update(car=1, truck=0),
    ],
    ids=["intrinsics", "yaw", "a box", "a sweep", "labels", "categories"],
)
def test_an_info_file_with_another_value_is_refused(
    root: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    changed = edit(shutil.copytree(root, tmp_path / "copy"), change)
    with pytest.raises(ValueError, match=r"--resume: info file \(hash of what it says .* differs"):
        resume(root, changed)


def test_a_cache_of_other_settings_is_refused(root: Path, tmp_path: Path) -> None:
    changed = add_cache(shutil.copytree(root, tmp_path / "copy"), compactness=7.0)
    with pytest.raises(ValueError, match=r"--resume: cache \(hash of its settings.* differs"):
        resume(root, changed)
