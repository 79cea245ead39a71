"""Options of the command line reach every place of a config that they mean."""

from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

from perception_kd.engine.launch import (
    check_data_folders,
    check_schedulers,
    drop_unreached_schedulers,
    read_config,
    set_data_folders,
    set_pretrained,
    set_training,
)
from tests.engine.toy import write_config


def nested_config() -> Config:
    """Data sets inside wrappers and lists, and a metric that reads the data."""
    toy = dict(type="ToyDataset", data_root="old", pipeline=[dict(type="LoadPoints")])
    return Config(
        dict(
            data_root="old",
            train_dataloader=dict(dataset=dict(type="RepeatDataset", times=2, dataset=toy)),
            val_dataloader=dict(
                dataset=dict(type="ConcatDataset", datasets=[toy, dict(toy, info_root="infos")])
            ),
            test_dataloader=None,
            val_evaluator=[dict(type="NuScenesMetric", data_root="old", ann_file="a.pkl")],
        )
    )


def test_a_data_root_reaches_wrapped_data_sets_and_metrics() -> None:
    cfg = nested_config()
    set_data_folders(cfg, "new", None)
    concat = cfg.val_dataloader.dataset.datasets
    for settings in (cfg, cfg.train_dataloader.dataset.dataset, *concat, cfg.val_evaluator[0]):
        assert settings.data_root == "new"
    # The folder of info files is the data's unless it is named, also where only the
    # class knows that there is one; a metric has none.
    assert cfg.train_dataloader.dataset.dataset.info_root == "new"
    assert [settings.info_root for settings in concat] == ["new", "new"]
    assert "info_root" not in cfg.val_evaluator[0]
    assert "data_root" not in cfg.train_dataloader.dataset.dataset.pipeline[0]
    assert "data_root" not in cfg.train_dataloader.dataset


def test_an_info_root_of_its_own_leaves_the_data_root() -> None:
    cfg = nested_config()
    set_data_folders(cfg, None, "infos2")
    assert cfg.train_dataloader.dataset.dataset == dict(
        type="ToyDataset", data_root="old", info_root="infos2", pipeline=[dict(type="LoadPoints")]
    )


def test_no_folder_changes_nothing() -> None:
    cfg = nested_config()
    set_data_folders(cfg, None, None)
    assert cfg.to_dict() == nested_config().to_dict()


def test_a_missing_info_folder_names_the_command_that_makes_it(tmp_path: Path) -> None:
    cfg = nested_config()
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
    with pytest.raises(ValueError, match="config must define test_dataloader"):
        check_data_folders(nested_config(), "test_dataloader")


def test_options_change_the_config_and_typos_are_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    cfg = read_config(path, {"train_cfg.max_epochs": 7, "custom_hooks": []})
    assert cfg.train_cfg.max_epochs == 7
    assert cfg.work_dir == "work_dirs/toy"
    with pytest.raises(ValueError, match=r"got xmodel\.x; did you mean model"):
        read_config(path, {"xmodel.x": 1})


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No config at"):
        read_config(tmp_path)
    (tmp_path / "config.yaml").write_text("model: 1")
    with pytest.raises(ValueError, match="config must be a Python file"):
        read_config(tmp_path / "config.yaml")


def test_training_options(tmp_path: Path) -> None:
    checkpoint = tmp_path / "epoch_1.pth"
    checkpoint.touch()
    cfg = read_config(write_config(tmp_path))
    set_training(cfg, resume=str(checkpoint), amp=False, scale_lr=False, seed=5)
    assert (cfg.resume, cfg.load_from) == (True, str(checkpoint))
    assert cfg.auto_scale_lr == dict(base_batch_size=4, enable=False)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 5

    cfg = read_config(write_config(tmp_path))
    set_training(cfg, resume="auto", amp=False, scale_lr=True, seed=None)
    assert (cfg.resume, cfg.load_from, cfg.auto_scale_lr.enable) == (True, None, True)
    assert cfg.randomness.seed == 0
    assert "seed" not in cfg.train_dataloader.dataset


def test_pretrained_weights_go_where_the_config_says(tmp_path: Path) -> None:
    checkpoint = tmp_path / "epoch_1.pth"
    path = write_config(tmp_path, more='load_pretrained_from = dict(prefix="backbone.")')
    with pytest.raises(FileNotFoundError, match="--pretrained must name a checkpoint, but got"):
        set_pretrained(read_config(path), str(checkpoint))
    checkpoint.touch()
    cfg = read_config(path)
    set_pretrained(cfg, str(checkpoint))
    assert cfg.load_pretrained_from == dict(prefix="backbone.", checkpoint=str(checkpoint))
    with pytest.raises(ValueError, match="config must say in load_pretrained_from what"):
        set_pretrained(read_config(write_config(tmp_path)), str(checkpoint))


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


def rated_config(scheduler: dict[str, Any], lr_mult: float = 100.0) -> Config:
    keys = dict(pts_seg_head=dict(lr_mult=lr_mult))
    wrapper = dict(paramwise_cfg=dict(custom_keys=keys))
    return Config(dict(optim_wrapper=wrapper, param_scheduler=[scheduler]))


def test_a_one_cycle_schedule_may_not_level_the_rates_of_parameters() -> None:
    levels = dict(type="OneCycleLR", eta_max=0.1)
    with pytest.raises(ValueError, match=r"where custom_keys give pts_seg_head a rate of their"):
        check_schedulers(rated_config(levels))
    check_schedulers(rated_config(levels, lr_mult=1.0))
    check_schedulers(rated_config(dict(type="OneCycleLR", eta_max=[0.1, 10.0])))
    check_schedulers(rated_config(dict(type="CosineAnnealingLR", T_max=10)))
    check_schedulers(Config(dict(param_scheduler=levels)))
