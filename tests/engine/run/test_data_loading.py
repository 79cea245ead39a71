"""Data loaders: options without workers, and what their workers call first."""

import sys
from collections.abc import Iterator

import pytest
import torch
from torch.utils.data import DataLoader

from perception_kd.engine.run import data_loading
from perception_kd.engine.run.data_loading import (
    WorkerInit,
    show_unless_parent_left,
    without_unused_options,
)


@pytest.mark.parametrize("workers", [{}, {"num_workers": 0}])
def test_options_of_workers_are_dropped_without_workers(
    workers: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(data_loading, "print_log", lambda line, **_: lines.append(line))
    given = dict(batch_size=1, persistent_workers=True, prefetch_factor=4, **workers)
    kept = without_unused_options(given)
    assert kept == dict(batch_size=1, **workers)
    assert lines == ["Without persistent_workers and prefetch_factor, since num_workers is 0."]
    DataLoader(range(2), **kept)  # type: ignore[arg-type]


def test_options_of_workers_are_kept_with_workers() -> None:
    given = dict(num_workers=1, persistent_workers=True)
    assert without_unused_options(given) == given


@pytest.fixture
def _seeds() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.mark.usefixtures("_seeds")
def test_the_seeds_of_workers_are_those_of_mmengine(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(data_loading, "start_worker", lambda: started.append(1))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # restored afterwards

    def set_seed(worker: int) -> None:
        torch.manual_seed(worker)

    WorkerInit(set_seed)(7)
    assert torch.initial_seed() == 7
    WorkerInit(None)(0)
    assert started == [1, 1]


def test_a_worker_is_silent_only_about_a_lost_parent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for error in (EOFError(), ConnectionResetError(), BrokenPipeError()):
        show_unless_parent_left(type(error), error, None)
    assert capsys.readouterr().err == ""
    show_unless_parent_left(ValueError, ValueError("a fault"), None)
    assert "ValueError: a fault" in capsys.readouterr().err
