"""Jobs on processes, and the text for what failed."""

import os

import pytest

from perception_kd.io.workers import describe_failures, run_jobs


def test_without_workers_jobs_run_here_in_order() -> None:
    results = list(run_jobs(lambda job: (os.getpid(), -job), [3, 0, 2], workers=0))
    assert results == [(job, (os.getpid(), -job)) for job in (3, 0, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 30])
def test_workers_run_each_job_once(number: int) -> None:
    results = list(run_jobs(abs, range(-number, 0), workers=2))
    assert sorted(results) == [(-i, i) for i in range(number, 0, -1)]


def test_some_failures_are_named_and_the_others_counted() -> None:
    errors = [f"file {i} is broken" for i in range(23)]
    text = describe_failures(errors, 40, "sweeps", "regions", "again")
    lines = text.splitlines()
    assert lines[0] == (
        "All 40 sweeps must be readable, but 23 are not, and have no regions; mend them, then run "
        "again: again"
    )
    assert lines[1:-1] == [f"  {error}" for error in errors[:20]]
    assert lines[-1] == "  and 3 more"
    assert "more" not in describe_failures(errors[:20], 40, "sweeps", "regions", "x")
