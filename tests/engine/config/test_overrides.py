"""Options of the command line reach every place of a config that they mean."""

from pathlib import Path
from typing import Literal

import pytest
from mmengine import Config

from perception_kd.engine.config import overrides
from perception_kd.engine.config.overrides import (
    set_classes,
    set_data_folders,
    set_data_set,
    set_pretrained,
    set_training,
)
from perception_kd.engine.run.launch import read_config
from tests.engine.toy import write_config

CONFIGS = Path(__file__).parents[3] / "configs"


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


def test_data_root_reaches_wrapped_data_sets_and_metrics() -> None:
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


def test_info_root_alone_keeps_data_root() -> None:
    cfg = nested_config()
    set_data_folders(cfg, None, "infos2")
    assert cfg.train_dataloader.dataset.dataset == dict(
        type="ToyDataset", data_root="old", info_root="infos2", pipeline=[dict(type="LoadPoints")]
    )


def test_no_folder_keeps_the_config() -> None:
    cfg = nested_config()
    set_data_folders(cfg, None, None)
    assert cfg.to_dict() == nested_config().to_dict()


def test_another_data_set_has_other_info_files_and_scenes() -> None:
    cfg = Config.fromfile(CONFIGS / "_base_" / "datasets" / "nuscenes_pretrain.py")
    assert set_data_set(cfg, "folder") == ["parametrize_train"]
    assert cfg.train_dataloader.dataset.ann_file == "folder_infos_train.pkl"
    assert cfg.val_dataloader.dataset.ann_file == "folder_infos_val.pkl"
    assert cfg.train_dataloader.dataset.scenes is None
    cfg = Config.fromfile(CONFIGS / "_base_" / "datasets" / "nuscenes_det_cbgs.py")
    assert set_data_set(cfg, "car") == []
    assert cfg.train_dataloader.dataset.dataset.ann_file == "car_infos_train.pkl"
    assert cfg.val_evaluator.ann_file == "car_infos_val.pkl"
    with pytest.raises(ValueError, match="names no info file"):
        set_data_set(Config(dict(train_dataloader=None)), "car")


def test_the_lists_of_the_same_data_set_are_kept() -> None:
    cfg = Config.fromfile(CONFIGS / "_base_" / "datasets" / "nuscenes_pretrain.py")
    assert set_data_set(cfg, "nuscenes") == []
    assert cfg.train_dataloader.dataset.scenes == "parametrize_train"


DATA_SETS = ("train_dataloader", "val_dataloader", "test_dataloader")


def test_classes_reach_head_and_data_sets() -> None:
    cfg = Config.fromfile(CONFIGS / "det" / "det_pillar02_8xb4-cyclic-20e_nus.py")
    set_classes(cfg, ["pedestrian", "kart"])
    assert cfg.model.pts_bbox_head.classes == ["pedestrian", "kart"]
    assert cfg.train_dataloader.dataset.dataset.metainfo.classes == ["pedestrian", "kart"]
    assert cfg.test_dataloader.dataset.metainfo.classes == ["pedestrian", "kart"]
    name = "lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
    cfg = Config.fromfile(CONFIGS / "lidarseg" / name)
    set_classes(cfg, ["road", "rail", "tram"])
    assert cfg.model.pts_seg_head.out_channels == 3
    seen = [cfg[name].dataset.metainfo.seg_classes for name in DATA_SETS]
    assert seen == [["road", "rail", "tram"]] * 3


def test_classes_that_a_model_cannot_have_are_refused() -> None:
    cfg = Config(dict(model=dict(type="PointRegionContrast")))
    with pytest.raises(ValueError, match="is PointRegionContrast; leave --classes out"):
        set_classes(cfg, ["car"])
    with pytest.raises(ValueError, match="each class once, but got car, car"):
        set_classes(cfg, ["car", "car"])


def test_training_options_reach_runner_and_data_set(tmp_path: Path) -> None:
    cfg = read_config(write_config(tmp_path))
    set_training(cfg, scale_lr=False, seed=5)
    assert cfg.auto_scale_lr == dict(base_batch_size=4, enable=False)
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 5

    cfg = read_config(write_config(tmp_path))
    set_training(cfg, scale_lr=True, seed=None)
    assert cfg.auto_scale_lr.enable
    assert cfg.randomness.seed == 0
    assert "seed" not in cfg.train_dataloader.dataset


def test_pretrained_fills_load_pretrained_from(tmp_path: Path) -> None:
    checkpoint = tmp_path / "epoch_1.pth"
    path = write_config(tmp_path, more='load_pretrained_from = dict(prefix="backbone.")')
    with pytest.raises(FileNotFoundError, match="--pretrained: no checkpoint at"):
        set_pretrained(read_config(path), str(checkpoint))
    checkpoint.touch()
    cfg = read_config(path)
    set_pretrained(cfg, str(checkpoint))
    assert cfg.load_pretrained_from == dict(prefix="backbone.", checkpoint=str(checkpoint))
    with pytest.raises(ValueError, match="--pretrained needs a config with load_pretrained_from"):
        set_pretrained(read_config(write_config(tmp_path)), str(checkpoint))


def test_pretrained_names_the_key_of_a_teacher(tmp_path: Path) -> None:
    name = "rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"
    cfg = Config.fromfile(Path(__file__).parents[3] / "configs/calico" / name)
    (tmp_path / "prc.pth").touch()
    with pytest.raises(ValueError, match=r"as --cfg-options model\.teacher_checkpoint=.*prc\.pth"):
        set_pretrained(cfg, str(tmp_path / "prc.pth"))


@pytest.mark.parametrize(("amp", "dtype"), [("fp16", "float16"), ("bf16", "bfloat16")])
def test_mixed_precision_has_a_dtype(
    amp: Literal["fp16", "bf16"], dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overrides, "get_device", lambda: "cuda")
    cfg = read_config(write_config(tmp_path))
    set_training(cfg, amp=amp)
    assert cfg.optim_wrapper.type == "AmpOptimWrapper"
    assert (cfg.optim_wrapper.dtype, cfg.optim_wrapper.loss_scale) == (dtype, "dynamic")
