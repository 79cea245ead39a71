"""Stages as the jobs of a cluster, on submitit's stand-in for one and on Ray."""

from pathlib import Path

import pytest

from perception_kd.experiments.cluster import ClusterExecutor, open_slurm
from tests.experiments.test_parallel import check_a_failed_stage

pytest.importorskip("submitit")


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_jobs_run_and_failures_are_named(
    tmp_path: Path, cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs" / "cluster"
    executor = ClusterExecutor(open_slurm(folder, 2, {"timeout_min": 5}, cluster=cluster), 2)
    check_a_failed_stage(executor, tmp_path)
    assert "a2: done in" in capsys.readouterr().out


def test_unknown_parameters_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--executor-options: (?s:.)*nodez"):
        open_slurm(tmp_path, 1, {"nodez": 2}, cluster="local")
