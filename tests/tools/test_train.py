"""tools/train.py and tools/test.py, on a toy, as a user types them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.engine.toy import ROOT, ToyModel, write_config
from tools import train as train_tool


def train(config: Path, *options: str, name: str) -> int:
    """Train in this process; runs need a name each, since mmengine shares state by name."""
    work_dir = config.parent / name
    given = [str(config), "--work-dir", str(work_dir), *options]
    return train_tool.main([*given, "--cfg-options", f"experiment_name={config.parent.name}{name}"])


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def assert_same(first: Any, second: Any) -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


class StepCounter:
    """Counts training steps of the toy, and is Ctrl-C in one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.stop_at: int | None = None
        original = ToyModel.train_step

        def train_step(model: ToyModel, *args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            if self.steps == self.stop_at:
                raise KeyboardInterrupt
            return original(model, *args, **kwargs)

        monkeypatch.setattr(ToyModel, "train_step", train_step)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    counter = StepCounter(monkeypatch)
    assert train(config, name="whole") == 0
    assert counter.steps == 16

    counter.stop_at = 16 + 10
    assert train(config, name="parts") == 130
    assert capfd.readouterr().err.rstrip().endswith("--resume")
    counter.stop_at = None
    assert train(config, "--resume", name="parts") == 0
    # Stopped in the third epoch of four steps, so its steps 9 and 10 are done again.
    assert counter.steps == 16 + 10 + 8

    whole, parts = (read(tmp_path / name / "epoch_4.pth") for name in ("whole", "parts"))
    for key in ("state_dict", "optimizer", "param_schedulers"):
        assert_same(whole[key], parts[key])
    assert parts["meta"]["iter"] == whole["meta"]["iter"] == 16
