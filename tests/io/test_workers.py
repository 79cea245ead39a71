"""Jobs on worker processes: each runs once, in any order or in theirs, and all stop."""

import os
import subprocess
import sys
import time

import pytest

from perception_kd.io.workers import run_jobs


def test_without_workers_jobs_run_here_in_order() -> None:
    results = list(run_jobs(lambda job: (os.getpid(), -job), [3, 0, 2], workers=0))
    assert results == [(job, (os.getpid(), -job)) for job in (3, 0, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 30])
def test_workers_run_each_job_once(number: int) -> None:
    results = list(run_jobs(abs, range(-number, 0), workers=2))
    assert sorted(results) == [(-i, i) for i in range(number, 0, -1)]


@pytest.mark.slow
def test_results_come_in_the_order_of_completion_or_of_jobs() -> None:
    jobs = [1.0, 0.0]
    assert [job for job, _ in run_jobs(time.sleep, jobs, workers=2)] == [0.0, 1.0]
    assert [job for job, _ in run_jobs(time.sleep, jobs, workers=2, in_order=True)] == jobs


@pytest.mark.slow
def test_an_error_terminates_the_other_workers() -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match="non-negative"):
        list(run_jobs(time.sleep, [300.0, -1.0], workers=2))
    assert time.monotonic() - begin < 200


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("perception_kd.benchmarks.superpixels", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.datasets.nuscenes.converter", ("torch", "mmengine")),
        ("perception_kd.regions.create", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.superpixels.create", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.synthetic.create", ("torch", "mmengine", "matplotlib")),
    ],
)
def test_workers_import_only_what_they_use(module: str, unused: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*set({unused}) & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
