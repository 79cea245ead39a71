"""Stages run side by side; results, failures and the end are as in order."""

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from perception_kd.experiments.display import Display
from perception_kd.experiments.executors import Executor, LocalExecutor
from perception_kd.experiments.fingerprints import take_fingerprint
from perception_kd.experiments.runner import StageRunner
from perception_kd.experiments.schedule import Schedule
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.workspace import Workspace
from tests.experiments.test_commands import ends, wait_until

# Writes the texts of its inputs and its name, and when it ran.
WRITE = """
import json, pathlib, sys, time
folder, name, pause, *inputs = sys.argv[1:]
folder, begin = pathlib.Path(folder), time.monotonic()
time.sleep(float(pause))
text = "".join((folder / f"{other}.txt").read_text() for other in inputs) + name
(folder / f"{name}.times").write_text(json.dumps([begin, time.monotonic()]))
(folder / f"{name}.txt").write_text(text)
"""
# Two chains that end in one stage.
INPUTS: dict[str, tuple[str, ...]] = {
    "a": (),
    "b": (),
    "a2": ("a",),
    "b2": ("b",),
    "end": ("a2", "b2"),
}


def make_stages(
    folder: Path, scripts: dict[str, str] | None = None, pause: float = 0.0
) -> list[Stage]:
    return [
        Stage(
            name=name,
            about=f"Stage {name}",
            command=(
                "-c",
                (scripts or {}).get(name, WRITE),
                str(folder),
                name,
                f"{pause}",
                *inputs,
            ),
            outputs=(str(folder / f"{name}.txt"),),
            inputs=inputs,
            resume=(),
        )
        for name, inputs in INPUTS.items()
    ]


def check_a_failed_stage(executor: Executor, folder: Path) -> None:
    """Check that an executor runs the other stages and names the one that failed."""
    stages = make_stages(folder, {"b2": "import sys; sys.exit('the reason')"})
    workspace = Workspace(folder, folder / "data")
    runner = StageRunner(workspace, stages, Display(sys.stdout), executor)
    assert runner.run(list(INPUTS), keep_going=True) == {
        "b2": "failed with status 1: the reason",
        "end": "was not run, since b2 failed",
    }
    assert (folder / "a2.txt").read_text() == "aa2"


def make_runner(
    folder: Path, stages: Sequence[Stage], num_jobs: int, gpus: Sequence[str] = ()
) -> tuple[StageRunner, io.StringIO]:
    terminal = io.StringIO()
    executor = LocalExecutor(num_jobs, gpus)
    workspace = Workspace(folder, folder / "data")
    return StageRunner(workspace, stages, Display(terminal), executor), terminal


def run(folder: Path, stages: Sequence[Stage], num_jobs: int) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return make_runner(folder, stages, num_jobs)[0].run(list(INPUTS), keep_going=True)


def test_outputs_are_those_of_a_run_in_order(tmp_path: Path) -> None:
    digests = []
    for num_jobs in (1, 3):
        folder = tmp_path / str(num_jobs)
        assert run(folder, make_stages(folder), num_jobs) == {}
        files = [folder / f"{name}.txt" for name in INPUTS]
        digests.append([take_fingerprint(path).digest for path in files])
    assert digests[0] == digests[1]
    assert (tmp_path / "3" / "end.txt").read_text() == "aa2bb2end"


def test_independent_stages_overlap_and_readers_wait(tmp_path: Path) -> None:
    run(tmp_path, make_stages(tmp_path, pause=0.5), 2)
    times = {name: json.loads((tmp_path / f"{name}.times").read_text()) for name in INPUTS}
    assert times["a"][0] < times["b"][1]
    assert times["b"][0] < times["a"][1]
    for name, inputs in INPUTS.items():
        assert all(times[other][1] <= times[name][0] for other in inputs)


def test_a_reader_is_taken_after_its_input_ends(tmp_path: Path) -> None:
    chain = [stage for stage in make_stages(tmp_path) if stage.name in ("a", "a2")]
    schedule = Schedule(chain)
    assert schedule.take_ready() is chain[0]
    assert schedule.take_ready() is None
    schedule.end(chain[0])
    assert schedule.take_ready() is chain[1]


def test_no_more_jobs_run_than_allowed(tmp_path: Path) -> None:
    run(tmp_path, make_stages(tmp_path, pause=0.2), 1)
    times = sorted(json.loads((tmp_path / f"{name}.times").read_text()) for name in INPUTS)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))


def test_a_failed_stage_stops_only_its_readers(tmp_path: Path) -> None:
    stages = make_stages(tmp_path, {"a": "import sys; sys.exit('the reason')"})
    assert run(tmp_path, stages, 2) == {
        "a": "failed with status 1: the reason",
        "a2": "was not run, since a failed",
        "end": "was not run, since a2 failed",
    }
    assert (tmp_path / "b2.txt").read_text() == "bb2"
    # Once it is repaired, only what is missing is run.
    runner, terminal = make_runner(tmp_path, make_stages(tmp_path), 2)
    assert runner.run(list(INPUTS), keep_going=True) == {}
    assert terminal.getvalue().count("done before") == 2
    assert (tmp_path / "end.txt").read_text() == "aa2bb2end"


def test_a_stage_without_its_output_is_a_failure(tmp_path: Path) -> None:
    failures = run(tmp_path, make_stages(tmp_path, {"b": "pass"}), 2)
    assert list(failures) == ["b", "b2", "end"]
    assert "ended without writing" in failures["b"]


def test_without_keep_going_a_failure_stops_the_others(tmp_path: Path) -> None:
    slow = "import os, time; print('ready', os.getpid(), flush=True); time.sleep(60)"
    fail = "import sys, time; time.sleep(0.5); sys.exit('the reason')"
    runner, _ = make_runner(tmp_path, make_stages(tmp_path, {"a": slow, "b": fail}), 2)
    with pytest.raises(ExperimentError, match=r"b failed with status 1(?s:.)*the reason"):
        runner.run(list(INPUTS))
    log = (tmp_path / "logs" / "a.log").read_text()
    assert ends(int(log.partition("\nready ")[2].split()[0]))
    assert runner.plans()["a"].action == "resume"


def test_ctrl_c_ends_all_jobs_and_their_workers(tmp_path: Path) -> None:
    work = (
        "import multiprocessing, os, time\n"
        "worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))\n"
        "worker.start()\nprint('ready', os.getpid(), worker.pid, flush=True)\ntime.sleep(60)"
    )
    logs = [tmp_path / "logs" / f"{name}.log" for name in ("a", "b")]

    def interrupt() -> None:
        wait_until(lambda: all(log.exists() and "\nready" in log.read_text() for log in logs))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    runner, _ = make_runner(tmp_path, make_stages(tmp_path, {"a": work, "b": work}), 2)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        runner.run(list(INPUTS), keep_going=True)
    assert time.monotonic() - begin < 20
    for log in logs:
        words = log.read_text().partition("\nready ")[2].split()[:2]
        assert all(ends(int(word), 2) for word in words)
    assert [plan.action for plan in runner.plans().values()][:2] == ["resume", "resume"]


def test_jobs_share_threads_and_take_turns_on_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    show = (
        "import os, pathlib, sys, time\nfolder, name = sys.argv[1:3]\ntime.sleep(0.5)\n"
        "seen = [os.environ[key] for key in ('CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS')]\n"
        "pathlib.Path(folder, f'{name}.txt').write_text(' '.join(seen))"
    )
    stages = make_stages(tmp_path, dict.fromkeys(INPUTS, show))
    make_runner(tmp_path, stages, 2, ("3", "5"))[0].run(list(INPUTS))
    assert {(tmp_path / f"{name}.txt").read_text() for name in ("a", "b")} == {"3 4", "5 4"}


class Recorder(Display):
    """Keeps the progress that it is told of."""

    def __init__(self, stream: io.StringIO) -> None:
        super().__init__(stream)
        self.shown: list[str] = []

    def progress(self, latest: str, seconds: float) -> None:
        """Keep the progress."""
        self.shown.append(latest)


def test_the_progress_of_all_jobs_is_one_line(tmp_path: Path) -> None:
    bar = "print('x: 50%|#  | 1/2 [00:01<00:01, 1s/it]', flush=True)\n" + WRITE
    stages = make_stages(tmp_path, dict.fromkeys(INPUTS, bar), pause=0.5)
    display = Recorder(io.StringIO())
    workspace = Workspace(tmp_path, tmp_path / "data")
    StageRunner(workspace, stages, display, LocalExecutor(2)).run(list(INPUTS))
    assert "0 of 5 done  a: 1 of 2, 00:01 left  b: 1 of 2, 00:01 left" in display.shown


def test_a_number_of_jobs_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="--jobs must be at least 1, but got 0"):
        LocalExecutor(0)


def test_this_python_runs_the_commands(tmp_path: Path) -> None:
    show = (
        "import pathlib, sys\n"
        "pathlib.Path(sys.argv[1], sys.argv[2] + '.txt').write_text(sys.executable)"
    )
    run(tmp_path, make_stages(tmp_path, dict.fromkeys(INPUTS, show)), 2)
    assert (tmp_path / "end.txt").read_text() == sys.executable
