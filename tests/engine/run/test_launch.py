"""Configs and data folders are checked before a run begins."""

from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

from perception_kd.engine.run.launch import (
    check_data_folders,
    check_schedulers,
    drop_unreached_schedulers,
    read_config,
    write_whole_checkpoints,
)
from tests.engine.toy import ROOT, write_config


def test_a_missing_info_folder_names_its_command(tmp_path: Path) -> None:
    cfg = Config(dict(train_dataloader=dict()))
    settings = dict(type="ToyDataset", data_root=str(tmp_path), info_root="no/such")
    (tmp_path / "v1.0-mini").mkdir()
    for ann_file, command in (
        ("semantickitti_infos_train.pkl", "semantickitti"),
        ("nuscenes_infos_train.pkl", "nuscenes --version v1.0-mini"),
    ):
        cfg.train_dataloader.dataset = dict(settings, ann_file=ann_file)
        expected = rf"create_data.py {command} --root {tmp_path} --out-dir no/such"
        with pytest.raises(FileNotFoundError, match=expected):
            check_data_folders(cfg, "train_dataloader")


def test_a_config_without_the_loader_is_refused() -> None:
    with pytest.raises(ValueError, match="does not define test_dataloader"):
        check_data_folders(Config(dict(test_dataloader=None)), "test_dataloader")


def test_options_change_the_config_and_typos_are_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    cfg = read_config(path, {"train_cfg.max_epochs": 7, "custom_hooks": []})
    assert cfg.train_cfg.max_epochs == 7
    assert cfg.work_dir == "work_dirs/toy"
    with pytest.raises(ValueError, match=r"no setting xmodel; did you mean model"):
        read_config(path, {"xmodel.x": 1})


def test_folders_and_yaml_files_are_refused_as_configs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No config at"):
        read_config(tmp_path)
    (tmp_path / "config.yaml").write_text("model: 1")
    with pytest.raises(ValueError, match="is not a config: those are Python files"):
        read_config(tmp_path / "config.yaml")


def test_a_schedule_ends_with_the_training() -> None:
    warm_up, decay, by_iteration = (
        dict(type="LinearLR", end=1),
        dict(type="CosineAnnealingLR", begin=1),
        dict(type="CosineAnnealingLR", begin=1, by_epoch=False),
    )
    for last, kept in ((1, [warm_up, by_iteration]), (2, [warm_up, decay, by_iteration])):
        cfg = Config(
            dict(train_cfg=dict(max_epochs=last), param_scheduler=[warm_up, decay, by_iteration])
        )
        drop_unreached_schedulers(cfg)
        assert cfg.param_scheduler == kept
    nothing = Config(dict(train_cfg=None))
    drop_unreached_schedulers(nothing)
    assert "param_scheduler" not in nothing


def test_checkpoints_of_an_earlier_config_are_written_whole() -> None:
    for hooks, settings in (
        (None, dict(interval=1)),
        (dict(checkpoint=dict(type="CheckpointHook", interval=3)), dict(interval=3)),
    ):
        cfg = Config(dict(default_hooks=hooks))
        write_whole_checkpoints(cfg)
        assert cfg.default_hooks.checkpoint == dict(settings, type="WholeCheckpointHook")
    cfg = Config(dict(default_hooks=dict(checkpoint=dict(type="OwnHook"))))
    write_whole_checkpoints(cfg)
    assert cfg.default_hooks.checkpoint.type == "OwnHook"


def rated_config(scheduler: dict[str, Any], lr_mult: float = 100.0) -> Config:
    keys = dict(pts_seg_head=dict(lr_mult=lr_mult))
    wrapper = dict(paramwise_cfg=dict(custom_keys=keys))
    return Config(dict(optim_wrapper=wrapper, param_scheduler=[scheduler]))


def test_one_cycle_may_not_level_rates_of_parameters() -> None:
    levels = dict(type="OneCycleLR", eta_max=0.1)
    with pytest.raises(ValueError, match=r"but custom_keys give pts_seg_head rates of their own"):
        check_schedulers(rated_config(levels))
    check_schedulers(rated_config(levels, lr_mult=1.0))
    check_schedulers(rated_config(dict(type="OneCycleLR", eta_max=[0.1, 10.0])))
    check_schedulers(rated_config(dict(type="CosineAnnealingLR", T_max=10)))
    check_schedulers(Config(dict(param_scheduler=levels)))


def test_a_config_in_a_work_dir_keeps_the_order_of_steps(tmp_path: Path) -> None:
    name = "slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic"
    cfg = read_config(ROOT / f"configs/slidr/{name}.py")
    cfg.dump(tmp_path / "config.py")
    written = read_config(tmp_path / "config.py").train_dataloader.dataset.pipeline
    steps = [step["type"] for step in written]
    assert steps == [step["type"] for step in cfg.train_dataloader.dataset.pipeline]
    assert (steps[0], steps[-1]) == ("LoadPoints", "PackInputs")


@pytest.mark.parametrize("step", ["load_point", "0"])
def test_options_of_unknown_steps_are_refused(step: str) -> None:
    path = ROOT / "configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py"
    option = f"train_dataloader.dataset.pipeline.{step}.num_sweeps"
    with pytest.raises(ValueError, match=f"no step named {step}; its steps are load_points, "):
        read_config(path, {option: 0})
