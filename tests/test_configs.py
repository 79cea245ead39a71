"""Every config builds, and every small twin trains, validates and is loaded again."""

from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.registry import DATASETS, MODELS, TRANSFORMS
from tools import create_data, test, train

CONFIGS = Path(__file__).parent.parent / "configs"
LEAVES = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")
TWINS = [path for path in LEAVES if path.stem.endswith("_tiny")]


def name(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def nuscenes_root(fake_nuscenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Info files and superpixels of the fake nuScenes."""
    out = tmp_path_factory.mktemp("nuscenes_info")
    make = ["nuscenes", "--root", str(fake_nuscenes), "--version", "v1.0-mini"]
    create_data.main([*make, "--out-dir", str(out), "--workers", "0"])
    for number in ("30", "150"):
        make_superpixels(out, fake_nuscenes, number)
    return out


@pytest.fixture(scope="module")
def semantickitti_root(fake_semantickitti: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Info files and superpixels of the fake SemanticKITTI."""
    out = tmp_path_factory.mktemp("semantickitti_info")
    create_data.main(["semantickitti", "--root", str(fake_semantickitti), "--out-dir", str(out)])
    make_superpixels(out, fake_semantickitti, "150")
    return out


def make_superpixels(out: Path, data_root: Path, number: str) -> None:
    infos = [str(path) for path in sorted(out.glob("*_infos_*.pkl"))]
    make = ["superpixels", "--info", *infos, "--data-root", str(data_root), "--workers", "0"]
    create_data.main([*make, "--backend", "skimage", "--num-segments", number])


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_every_part_of_a_config_builds(path: Path) -> None:
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    if "img_backbone" in cfg.model:
        cfg.model.img_backbone.backbone.checkpoint = None
    MODELS.build(cfg.model)
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        settings = cfg[loader].dataset
        for transform in settings.pipeline:
            TRANSFORMS.build(transform)
        assert DATASETS.get(settings.type) is not None


@pytest.mark.slow
@pytest.mark.parametrize("path", TWINS, ids=name)
def test_every_small_twin_trains_and_is_tested(
    path: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kind = "nuscenes" if "nus" in path.stem.split("_") else "semantickitti"
    data_root = request.getfixturevalue(f"fake_{kind}")
    folders = ["--data-root", str(data_root), "--work-dir", str(tmp_path)]
    folders += ["--info-root", str(request.getfixturevalue(f"{kind}_root"))]
    assert train.main([str(path), *folders]) == 0
    checkpoint = tmp_path / "epoch_2.pth"
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(value.isfinite().all() for value in weights.values())
    assert test.main([str(path), str(checkpoint), *folders]) == 0
