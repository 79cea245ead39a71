"""Settings that are chosen for a machine and for data."""

from pathlib import Path
from typing import Any

import pytest

from perception_kd.api.pretraining.hardware import Hardware
from perception_kd.api.pretraining.preparation import Prepared
from perception_kd.api.pretraining.settings import apply_arguments, make_settings
from perception_kd.engine.config.shared_numbers import check_shared_numbers

CPU, GPUS = Hardware(0, 0.0, 2), Hardware(2, 79.0, 16)
CACHES = {"superpixels": "/out/data/superpixels/fast_150", "regions": "/out/data/regions/dbscan"}


def make_data(**values: Any) -> Prepared:
    given: dict[str, Any] = dict(data_root=Path("/data"), info_root=Path("/out/data"))
    given |= dict(prefix="folder", num_train=1000, num_val=0, cameras=("front",))
    given |= dict(num_sweeps=4, greatest_intensity=255.0)
    return Prepared(**{**given, **values})


@pytest.mark.parametrize("stage", ["slidr", "ppkt", "prc", "rad"])
@pytest.mark.parametrize("hardware", [CPU, GPUS], ids=["cpu", "gpus"])
def test_settings_fit_machine_and_data(stage: str, hardware: Hardware) -> None:
    cfg, choices = make_settings(stage, make_data(), hardware, CACHES)
    check_shared_numbers(cfg)
    dataset = cfg.train_dataloader.dataset
    assert (dataset.data_root, dataset.info_root) == ("/data", "/out/data")
    assert (dataset.ann_file, dataset.get("scenes")) == ("folder_infos_train.pkl", None)
    assert cfg.train_dataloader.batch_size == (16 if hardware.num_gpus else 2)
    steps = {step["type"]: step for step in dataset.pipeline}
    caches = [step["cache"] for step in steps.values() if "cache" in step]
    wanted = {"slidr": "superpixels", "prc": "regions", "rad": "regions"}
    assert caches == ([CACHES[wanted[stage]]] if stage in wanted else [])
    most = {"prc": 4, "rad": 4} if hardware.num_gpus else {"prc": 1, "rad": 1}
    assert steps["LoadPoints"]["num_sweeps"] == most.get(stage, 0)
    is_mixed = cfg.optim_wrapper.type == "AmpOptimWrapper"
    assert is_mixed == (hardware.num_gpus > 0 and stage in ("slidr", "ppkt"))
    assert all(choice.reason for choice in choices)


@pytest.mark.parametrize(
    ("hardware", "greatest", "factor"),
    [(CPU, 255.0, 1 / 64), (CPU, 1.0, 255 / 64), (CPU, 4080.0, 1 / 1024), (GPUS, 0.5, 255.0)],
)
def test_intensities_of_any_range_enter_as_those_of_nuscenes(
    hardware: Hardware, greatest: float, factor: float
) -> None:
    cfg, _ = make_settings("slidr", make_data(greatest_intensity=greatest), hardware, CACHES)
    assert cfg.model.pts_voxelizer.feature_scale[0] == pytest.approx(factor)


def test_few_frames_make_small_batches() -> None:
    cfg, choices = make_settings("prc", make_data(num_train=20), GPUS, CACHES)
    assert cfg.train_dataloader.batch_size == 2
    assert "batch size: 2 (20 frames, four steps per epoch)" in map(str, choices)


def test_a_teacher_and_a_seed_are_taken_as_given() -> None:
    cfg, _ = make_settings("slidr", make_data(), CPU, CACHES)
    choices = apply_arguments(cfg, {"seed": 3, "teacher": "my_nets:Net"})
    assert cfg.model.img_backbone.backbone == dict(type="CallableTeacher", name="my_nets:Net")
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 3
    assert [str(each) for each in choices] == ["teacher: my_nets:Net (as given)"]
