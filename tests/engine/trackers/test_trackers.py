"""Trackers follow a toy training and continue it, without a network."""

import json
import sqlite3
import struct
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from perception_kd.engine.trackers.choice import check_tracker, set_tracker
from perception_kd.engine.trackers.tracked_run import (
    TRACKED_RUNS,
    find_run,
    keep_run,
    select_numbers,
)
from tests.engine.toy import write_config
from tools import train as train_tool


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def train(folder: Path, tracker: str, epochs: int, *options: str, start: str = "1") -> Path:
    """Train the toy in this process, and return its work dir."""
    work_dir = folder / "work"
    words = [str(write_config(folder)), "--work-dir", str(work_dir), "--tracker", tracker, *options]
    # mmengine keeps one visualizer per name of an experiment in a process.
    settings = [f"experiment_name={folder.name}_{start}", f"train_cfg.max_epochs={epochs}"]
    settings += ["default_hooks.logger.interval=1"]
    assert train_tool.main([*words, "--cfg-options", *settings]) == 0
    return work_dir


def read_losses(folder: Path) -> dict[int, float]:
    """Read the losses of each step of one run from TensorBoard files."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {event.step: event.value for event in events.Scalars("loss_fit")}


def test_tensorboard_shows_a_resumed_training_as_one_run(tmp_path: Path) -> None:
    # Eight samples in batches of two: four steps an epoch.
    work_dir = train(tmp_path, "tensorboard", 1)
    # Two starts within a second have the same name, so the first gets another one.
    (run,) = (work_dir / "tensorboard").iterdir()
    assert json.loads((work_dir / TRACKED_RUNS).read_text()) == {"tensorboard": run.name}
    first = run.rename(run.with_name("first"))
    (work_dir / TRACKED_RUNS).write_text(json.dumps({"tensorboard": "first"}))
    train(tmp_path, "tensorboard", 2, "--resume", start="2")
    (run,) = (work_dir / "tensorboard").iterdir()
    assert run == first
    losses = read_losses(run)
    assert sorted(losses) == list(range(1, 9))
    assert all(np.isfinite(list(losses.values())))


def test_a_training_that_starts_over_gets_a_run_of_its_own(tmp_path: Path) -> None:
    fresh = Config(dict(work_dir=str(tmp_path), resume=False, load_from=None))
    keep_run(fresh, "tensorboard", "first")
    assert find_run(fresh, "tensorboard") is None
    resumed = Config(dict(work_dir=str(tmp_path), resume=True, load_from="epoch_1.pth"))
    assert find_run(resumed, "tensorboard") == "first"
    assert find_run(resumed, "wandb") is None


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wandb") is None, reason="needs wandb")
def test_wandb_offline_continues_the_run_of_a_resumed_training(tmp_path: Path) -> None:
    work_dir = train(tmp_path, "wandb", 1)
    name = json.loads((work_dir / TRACKED_RUNS).read_text())["wandb"]
    train(tmp_path, "wandb", 2, "--resume", start="2")
    files = sorted(work_dir.glob("wandb/offline-run-*/run-*.wandb"))
    assert [path.stem for path in files] == [f"run-{name}"] * 2
    steps = [step for path in files for step in read_wandb(path)]
    assert steps == list(range(1, 9))
    assert not list(work_dir.glob("wandb/*/files/code"))


def read_wandb(path: Path) -> list[int]:
    """Read the steps at which an offline file has a loss."""
    internal = import_module("wandb.proto.wandb_internal_pb2")
    steps = []
    for data in read_blocks(path.read_bytes()):
        record = internal.Record()
        record.ParseFromString(data)
        items = [(each.key or ".".join(each.nested_key), each) for each in record.history.item]
        values = {key: json.loads(each.value_json) for key, each in items}
        if "loss_fit" in values:
            steps.append(int(values["step"]))
    return steps


def read_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the records of a file in LevelDB's log format, after a header of 7 bytes.

    Each piece has a checksum (4 bytes), its length (2) and its kind (1): 1 is a whole
    record, 2 its first, 3 a middle and 4 its last piece. No piece crosses a block.
    """
    place, record = 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield record
            record = b""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow")
def test_mlflow_continues_the_run_of_a_resumed_training(tmp_path: Path) -> None:
    work_dir = train(tmp_path, "mlflow", 1)
    train(tmp_path, "mlflow", 2, "--resume", start="2")
    with sqlite3.connect(work_dir / "mlflow.db") as database:
        runs = database.execute("SELECT run_uuid, status FROM runs").fetchall()
        query = "SELECT step FROM metrics WHERE key = 'loss_fit' ORDER BY step"
        steps = [step for (step,) in database.execute(query)]
    assert runs == [(json.loads((work_dir / TRACKED_RUNS).read_text())["mlflow"], "FINISHED")]
    assert steps == list(range(1, 9))
    assert list((work_dir / "mlflow_artifacts").rglob("config.py"))


@pytest.mark.parametrize(("name", "extra"), [("wandb", "trackers"), ("mlflow", "mlflow")])
def test_a_missing_package_is_an_error_that_names_the_extra(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perception_kd.engine.trackers.choice.find_spec", lambda _: None)
    with pytest.raises(
        ImportError, match=rf'needs the package {name}.*pip install "perception-kd\[{extra}\]"'
    ):
        set_tracker(Config(dict(visualizer=None)), name)


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of tensorboard, wandb, mlflow, but got 'x'"):
        check_tracker("x")


def test_no_tracker_leaves_the_config_alone() -> None:
    cfg = Config(dict(visualizer=dict(type="Visualizer", vis_backends=[])))
    set_tracker(cfg, "")
    assert cfg.visualizer == dict(type="Visualizer", vis_backends=[])


def test_numbers_of_any_kind_are_selected_and_nothing_else() -> None:
    values: dict[str, Any] = {"a": torch.tensor([1.5]), "b": np.float32(2), "c": 3, "d": True}
    others = {"e": "text", "f": np.zeros(2), "g": None, "h": torch.zeros(0)}
    assert select_numbers({**values, **others}) == {"a": 1.5, "b": 2.0, "c": 3.0, "d": 1.0}
