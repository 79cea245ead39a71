"""Trainings of every kind, killed at random moments, end as if they had not been.

Each run is a forked child of this process, which has imported everything, and is ended
by SIGKILL: before a step, in the middle of writing a checkpoint, between the file, its
name, the pointer to it and the removal of older ones, and at random times.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mmengine.fileio import LocalBackend

from perception_kd.checkpoints.reading import read_content
from perception_kd.engine.config import overrides
from perception_kd.engine.hooks import whole_checkpoint
from perception_kd.engine.run import launch
from perception_kd.engine.run import runner as runner_module
from perception_kd.engine.run.train_loops import ResumableEpochLoop
from perception_kd.engine.work_dir import folder as work_dir
from perception_kd.registry import (
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIMIZERS,
    TRANSFORMS,
)
from tests.engine.toy import ROOT
from tests.fake_data.prepared import PreparedData
from tests.tools.test_train import assert_same
from tools import train

# What is trained, and after how many steps checkpoints are written; None is each epoch.
CONFIGS: dict[str, tuple[str, int | None]] = {
    "slidr": ("slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus", 1),
    "ppkt": ("ppkt/smoke/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus", None),
    "prc": ("calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus", 2),
    "rad": ("calico/smoke/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus", 1),
    "detection": ("det/smoke/det_pillar02_8xb4-cyclic-20e_nus", 2),
    "map": ("mapseg/smoke/mapseg_pillar02_8xb4-cyclic-20e_nus", None),
    "lidarseg": (
        "lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10",
        1,
    ),
}
OPTIONS = (
    *("train_cfg.max_epochs=2", "train_dataloader.batch_size=1"),
    *("train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"),
    *("val_dataloader=None", "val_evaluator=None", "val_cfg=None"),
    *("default_hooks.checkpoint.max_keep_ckpts=1", "vis_backends=[]", "visualizer.vis_backends=[]"),
)
NUM_KILLS = 3
# What tools/train.py imports when it is called.
CALLED = (launch, overrides, work_dir)


def kill_at(event: int) -> None:
    """Make this process kill itself at the given one of its events."""
    events = iter(range(event + 1))

    def happen() -> None:
        if next(events) == event:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            happen()
            return original(*args, **kwargs)

        setattr(owner, name, wrapped)

    def put(backend: LocalBackend, content: bytes, path: str) -> None:
        Path(path).write_bytes(content[: len(content) // 2])
        happen()
        Path(path).write_bytes(content)

    LocalBackend.put = put
    before(ResumableEpochLoop, "run_iter")
    before(runner_module, "rename_on_disk")
    before(whole_checkpoint, "write_whole")
    before(whole_checkpoint, "remove_outdated")


def run(arguments: list[str], log: Path, event: int | None) -> None:
    """Train in this process, with its output in a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if event is not None:
        kill_at(event)
    sys.exit(train.main(arguments))


def start(target: Callable[[], None], seconds: float | None = None) -> int | None:
    """Run in a child, kill it after a time, and return its exit status."""
    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def plan(rng: random.Random, seconds: float, num_events: int) -> Iterator[tuple[int | None, float]]:
    """Yield the event or the time in s of each kill; the last is at a time."""
    for _ in range(NUM_KILLS - 1):
        yield rng.randrange(num_events), 600
    yield None, rng.uniform(0.1, 0.5) * seconds


@pytest.fixture(scope="module")
def imported() -> None:
    """Import what trainings do, once and not in each child."""
    for registry in (DATASETS, HOOKS, LOOPS, METRICS, MODELS, OPTIMIZERS, TRANSFORMS):
        registry.get("none")


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_killed_training_ends_as_if_it_had_not_been(
    kind: str, prepared_synthetic: PreparedData, imported: None, tmp_path: Path
) -> None:
    name, interval = CONFIGS[kind]
    path = ROOT / "configs" / f"{name}.py"
    by_step = ("by_epoch=False", f"interval={interval}") if interval else ()
    hooks = [f"default_hooks.checkpoint.{option}" for option in by_step]
    settings = ["--cfg-options", *OPTIONS, *hooks]
    folders = prepared_synthetic.options_for(path)
    log = tmp_path / "log.txt"
    whole, parts = (
        [str(path), *folders, "--work-dir", str(tmp_path / each), *settings]
        for each in ("whole", "parts")
    )
    begin = time.monotonic()
    assert start(partial(run, whole, log, None)) == 0, log.read_text()[-2000:]
    seconds = time.monotonic() - begin
    rng = random.Random(f"{kind} {os.environ.get('KILL_SEED', '')}")
    killed = 0
    for event, limit in plan(rng, seconds, num_events=11 if interval == 1 else 6):
        status = start(partial(run, [*parts, "--resume"], log, event), limit)
        assert status in (0, -signal.SIGKILL), log.read_text()[-2000:]
        killed += status != 0
    assert start(partial(run, [*parts, "--resume"], log, None)) == 0, log.read_text()[-2000:]
    # The last, at a time, may come when a resumed training has ended already.
    assert killed >= NUM_KILLS - 1
    (final,) = (tmp_path / "whole").glob("*.pth")
    expected, resumed = (read_content(tmp_path / n / final.name) for n in ("whole", "parts"))
    for key in ("state_dict", "optimizer", "param_schedulers"):
        assert_same(expected[key], resumed[key])
    assert_same(expected["meta"]["random_states"], resumed["meta"]["random_states"])
    assert [path.name for path in (tmp_path / "parts").glob("*.pth")] == [final.name]
