"""Typos in --cfg-options are one-line errors; valid options pass."""

import argparse
import logging
from pathlib import Path
from typing import Any

import pytest
from mmengine.logging import MMLogger

from perception_kd.engine.ending.reporting import explain_option
from perception_kd.engine.run.launch import read_config
from tests.engine.toy import write_config

CONFIGS = Path(__file__).parents[3] / "configs"
DETECTOR = CONFIGS / "det/det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py"
RAD = CONFIGS / "calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("model.dropuot", r"ToyModel has no argument dropuot; did you mean dropout\?"),
        ("model.zzz", r"ToyModel has no argument zzz; it has dropout"),
        ("model.dropout.p", r"model.dropout has no settings, it is 0.5"),
        ("param_scheduler.1.by_epoch", r"param_scheduler has no entry 1; it has 1, counted from 0"),
        ("param_scheduler.x.by_epoch", r"param_scheduler has no entry x; it has 1, counted"),
        ("test_dataloader.sampler.shufffle", r"DefaultSampler has no .*did you mean shuffle\?"),
        ("test_evaluator.out_file", r"DumpResults has no .*did you mean out_file_path\?"),
    ],
)
def test_unknown_settings_are_refused(tmp_path: Path, option: str, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"^--cfg-options {option}: .*{expected}"):
        read_config(write_config(tmp_path), {option: 1})


def test_a_misspelled_option_of_the_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no argument test_moed; did you mean test_mode\?"):
        read_config(DETECTOR, {"train_dataloader.dataset.test_moed": True})


def test_load_pretrained_from_has_the_arguments_of_its_hook() -> None:
    with pytest.raises(
        ValueError, match=r"load_pretrained_from has no argument onlyy; did you mean only\?"
    ):
        read_config(DETECTOR, {"load_pretrained_from.onlyy": "pts_"})
    with pytest.raises(ValueError, match=r"it has checkpoint, ignore, min_share, module, only"):
        read_config(DETECTOR, {"load_pretrained_from.zzz": 1})


@pytest.mark.parametrize(
    "options",
    [
        {"train_dataloader.dataset.seed": 3},  # an argument of its own
        {"train_dataloader.dataset.indices": 8},
        {"train_dataloader.drop_last": True},  # of no class that the config names
        {"optim_wrapper.accumulative_counts": 2},
        {"optim_wrapper.constructor": "DefaultOptimWrapperConstructor"},
        {"default_hooks.timer.priority": "LOW"},
        {"model.pts_bbox_head.norm_bbox": False},
        {"model.pts_neck.norm_cfg.type": "BN"},
        {"load_pretrained_from.prefix": ""},
        {"load_pretrained_from.only": "pts_"},
        {"val_evaluator.type": "MeanOverBatches"},
    ],
    ids=str,
)
def test_valid_options_pass(options: dict[str, Any]) -> None:
    read_config(DETECTOR, options)


def test_the_class_that_an_option_names_is_asked() -> None:
    with pytest.raises(ValueError, match=r"mmdet.FPN has no argument x"):
        read_config(DETECTOR, {"model.pts_neck.type": "mmdet.FPN", "model.pts_neck.x": 1})
    with pytest.raises(ValueError, match="SECONDFPN has no argument x"):
        read_config(DETECTOR, {"model.pts_neck.x": 1})


def test_likely_typos_that_no_class_judges_are_warnings() -> None:
    texts: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    read_config(DETECTOR, {"default_hooks.checkpoint.intervalll": 1, "auto_scale_lr.x": 1})
    logger.removeHandler(handler)
    assert texts == [
        "--cfg-options default_hooks.checkpoint.intervalll: the config has no such setting; "
        "did you mean interval?"
    ]


def explain(message: str, options: dict[str, Any] | None) -> str | None:
    return explain_option(TypeError(message), argparse.Namespace(cfg_options=options))


def test_an_argument_that_python_refuses_is_traced_to_its_option() -> None:
    error = "CenterHead.__init__() got an unexpected keyword argument 'in_chanels'"
    wrapped = f"class `BEVCenterHead` in head.py: {error}"
    line = f"--cfg-options model.pts_bbox_head.in_chanels: {error}."
    assert explain(wrapped, {"model.pts_bbox_head.in_chanels": 3}) == line
    # Arguments of the config itself, or of the code, are not the option's.
    assert explain(wrapped, {"model.pts_bbox_head.in_channels": 3}) is None
    assert explain(wrapped, None) is None
    assert explain("unsupported operand type(s)", {"in_chanels": 3}) is None


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("learn_pts_projektor", "learn_pts_projector"),
        ("teacher_chekpoint", "teacher_checkpoint"),
    ],
)
def test_typos_of_a_pretrainers_arguments_are_advised(typo: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"{typo}; did you mean {meant}\?"):
        read_config(RAD, {f"model.{typo}": True})
