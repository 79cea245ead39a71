"""Typos below the first level of --cfg-options are told; what is right is let in."""

import argparse
import logging
from pathlib import Path
from typing import Any

import pytest
from mmengine.logging import MMLogger

from perception_kd.engine.command_line import explain_option
from perception_kd.engine.launch import read_config
from tests.engine.toy import write_config

CONFIGS = Path(__file__).parents[2] / "configs"
DETECTOR = CONFIGS / "det/det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py"
RAD = CONFIGS / "calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("model.dropuot", r"what ToyModel takes, but got model.dropuot, .*did you mean dropout\?"),
        ("model.zzz", r"what ToyModel takes, but got model.zzz, which it does not; it has dropout"),
        ("model.dropout.p", r"model.dropout has no settings: it is 0.5"),
        ("param_scheduler.1.by_epoch", r"one of the 1 entries of param_scheduler, counted from 0"),
        ("param_scheduler.x.by_epoch", r"one of the 1 entries of param_scheduler, counted from 0"),
        ("test_dataloader.sampler.shufffle", r"DefaultSampler takes, .*did you mean shuffle\?"),
        ("test_evaluator.out_file", r"what DumpResults takes, .*did you mean out_file_path\?"),
    ],
)
def test_what_a_class_does_not_take_is_refused(tmp_path: Path, option: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"^--cfg-options must name .*" + expected):
        read_config(write_config(tmp_path), {option: 1})


def test_what_a_pretrained_checkpoint_is_for_has_the_arguments_of_its_hook() -> None:
    with pytest.raises(ValueError, match=r"load_pretrained_from.onlyy, .*did you mean only\?"):
        read_config(DETECTOR, {"load_pretrained_from.onlyy": "pts_"})
    with pytest.raises(ValueError, match=r"it has checkpoint, ignore, min_share, module, only"):
        read_config(DETECTOR, {"load_pretrained_from.zzz": 1})


@pytest.mark.parametrize(
    "options",
    [
        {"train_dataloader.dataset.seed": 3},  # an argument of its own
        {"train_dataloader.dataset.indices": 8},  # one that it hands on
        {"train_dataloader.drop_last": True},  # of no class that the config names
        {"optim_wrapper.accumulative_counts": 2},
        {"optim_wrapper.constructor": "DefaultOptimWrapperConstructor"},
        {"default_hooks.timer.priority": "LOW"},
        {"model.pts_bbox_head.loss_cls.type": "mmdet.GaussianFocalLoss"},
        {"model.pts_bbox_head.norm_bbox": False},  # of a class that hands arguments on
        {"model.pts_neck.norm_cfg.type": "BN"},
        {"load_pretrained_from.prefix": ""},
        {"load_pretrained_from.only": "pts_"},
        {"val_evaluator.type": "MeanOverBatches"},
    ],
    ids=str,
)
def test_what_can_be_right_is_let_in(options: dict[str, Any]) -> None:
    read_config(DETECTOR, options)


def test_a_class_that_an_option_names_is_the_one_that_is_asked() -> None:
    with pytest.raises(ValueError, match="what FPN takes"):
        read_config(DETECTOR, {"model.pts_neck.type": "mmdet.FPN", "model.pts_neck.x": 1})
    with pytest.raises(ValueError, match="what SECONDFPN takes"):
        read_config(DETECTOR, {"model.pts_neck.x": 1})


def test_a_likely_typo_that_no_class_can_judge_is_a_warning() -> None:
    texts: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    read_config(DETECTOR, {"default_hooks.checkpoint.intervalll": 1, "auto_scale_lr.x": 1})
    logger.removeHandler(handler)
    assert texts == [
        "--cfg-options adds default_hooks.checkpoint.intervalll, which the config does not have; "
        "did you mean interval?"
    ]


def explain(message: str, options: dict[str, Any] | None, config: Path = DETECTOR) -> str | None:
    args = argparse.Namespace(config=str(config), cfg_options=options)
    return explain_option(TypeError(message), args)


def test_an_argument_that_python_refuses_is_traced_to_its_option() -> None:
    said = "CenterHead.__init__() got an unexpected keyword argument 'in_chanels'"
    option = {"model.pts_bbox_head.in_chanels": 3}
    assert explain(said, option) == (
        "--cfg-options must name what BEVCenterHead takes, but got "
        "model.pts_bbox_head.in_chanels, which it does not; did you mean in_channels?"
    )
    # What the config itself gives, or the code, is a fault of theirs.
    assert explain(said, {"model.pts_bbox_head.in_channels": 3}) is None
    assert explain(said, None) is None
    assert explain("unsupported operand type(s)", option) is None


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("learn_pts_projektor", "learn_pts_projector"),
        ("teacher_chekpoint", "teacher_checkpoint"),
    ],
)
def test_a_typo_of_what_a_base_class_takes_is_advised(typo: str, meant: str) -> None:
    option = {f"model.{typo}": True}
    said = explain(f"__init__() got an unexpected keyword argument '{typo}'", option, RAD)
    assert said is not None
    assert said.endswith(f"which it does not; did you mean {meant}?")
