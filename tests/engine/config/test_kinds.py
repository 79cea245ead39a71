"""Values of options are of the kind of what they replace."""

from pathlib import Path
from typing import Any

import pytest
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch.optim import SGD

from perception_kd.engine.config.kinds import check_kinds
from perception_kd.engine.config.options import check_new_settings
from tests.engine.toy import ToyModel, write_config
from tools import train as train_tool

SETTINGS = {
    "train_cfg": {"max_epochs": 4, "by_epoch": True},
    "param_scheduler": [{"type": "LinearLR"}, {"type": "CosineAnnealingLR", "eta_min": 0.0}],
    "split": "train",
    "seed": None,
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("train_cfg", 5, "settings of its own; give them one by one: train_cfg.NAME=VALUE"),
        ("train_cfg.max_epochs", "abc", r"give a number \(now 4\), not 'abc'"),
        ("train_cfg.max_epochs", float("nan"), "NaN is not a setting"),
        ("train_cfg.by_epoch", "no", "give True or False, not 'no'"),
        ("param_scheduler", 5, r"list of settings; give them .*: param_scheduler.0.NAME=VALUE"),
        ("param_scheduler", [1, 2], "list of settings"),
        ("param_scheduler.1.eta_min", "low", "give a number"),
    ],
)
def test_another_kind_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=f"--cfg-options {name}: .*{expected}"):
        check_kinds(SETTINGS, {name: value})


def test_what_may_be_meant_is_accepted() -> None:
    values = {
        **{"train_cfg": None, "train_cfg.max_epochs": 5.5, "train_cfg.by_epoch": 0},
        **{"param_scheduler": [], "param_scheduler.1.eta_min": [0.1, 0.2], "split": 5},
        **{"seed": "any", "train_cfg.new": "any", "param_scheduler.1.new.a": 3},
    }
    check_kinds(SETTINGS, values)


def test_a_new_setting_is_of_the_kind_of_its_default() -> None:
    options = {"hook.interval": "often"}
    settings: dict[str, Any] = {"hook": {"type": "CheckpointHook"}}
    merged = {"hook": {"type": "CheckpointHook", "interval": "often"}}
    with pytest.raises(ValueError, match=r"hook.interval: give a number \(now -1\)"):
        check_new_settings(settings, options, merged)


# Each would be a traceback of mmengine or torch, after the checks of names and kinds.
@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("train_cfg.max_epochs=0", "max_epochs must be a whole number of at least 1, but got 0;"),
        ("train_cfg.val_interval=0", "val_interval must be a whole number of at least 1"),
        ("train_dataloader.batch_size=0", "batch_size should be a positive integer value"),
        ("model.dropout=7", "ToyModel: dropout probability has to be between 0 and 1, but got 7"),
        ("optim_wrapper.optimizer.momentum=-1", "SGD: Invalid momentum value: -1"),
        ("optim_wrapper.clip_grad.error_if_nonfinite=True", "missing 1 required positional"),
        ("default_hooks.checkpoint.backend_args.backend=none", "cannot be set up: KeyError: none"),
        ("default_hooks.checkpoint.out_dir=/proc/none", "checkpoint.out_dir /proc/none"),
        ("train_dataloader.timeout=5", "requires timeout == 0"),
        ("train_dataloader.sampler.seed=abc", "sampler.seed must be a whole number"),
        ("train_dataloader.drop_last=True", "8 samples are fewer than batch_size=9"),
        ("optim_wrapper.optimizer=None", "but got optimizer=None. Check the config"),
        ("param_scheduler.0.begin=abc", "param_scheduler.0.begin must be a number of at least 0"),
        ("randomness.seed=-1", "The run cannot be set up: Seed must be between 0"),
        ("log_level=abc", "The run cannot be set up: KeyError: abc"),
        ("env_cfg=None", "The run cannot be set up: AttributeError: 'NoneType' object has no"),
    ],
)
def test_settings_that_a_library_refuses_are_one_line(
    option: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [str(write_config(tmp_path)), "--work-dir", str(tmp_path / "work")]
    options = [f"experiment_name={tmp_path}", option]
    options += ["train_dataloader.batch_size=9"] if "drop_last" in option else []
    assert train_tool.main([*words, "--cfg-options", *options]) == 2
    shown = capfd.readouterr().err
    assert "Traceback" not in shown
    line = shown.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert expected in line


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TwoOptimizers:
    """One optimizer for each part of the toy model."""

    def __init__(self, optim_wrapper_cfg: Any, paramwise_cfg: Any) -> None:
        pass

    def __call__(self, model: ToyModel) -> OptimWrapperDict:
        """Return the optimizers."""
        parts = {"a": model.backbone, "b": model.head}
        return OptimWrapperDict(
            **{name: OptimWrapper(SGD(part.parameters(), 0.1)) for name, part in parts.items()}
        )


def test_several_optimizers_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one = 'dict(optimizer=dict(type="SGD", lr=0.1))'
    more = f"optim_wrapper = dict(_delete_=True, constructor='TwoOptimizers', a={one}, b={one})"
    words = [str(write_config(tmp_path, more=more)), "--work-dir", str(tmp_path / "work")]
    assert train_tool.main(words) == 2
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert line == "error: optim_wrapper has several optimizers, but can have only one."
