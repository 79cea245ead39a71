"""Stages as the jobs of a cluster, on submitit's stand-in for one and on Ray."""

import sys
from pathlib import Path

import pytest

from perception_kd.experiments.cluster import ClusterExecutor, open_slurm
from perception_kd.experiments.display import Display
from perception_kd.experiments.runner import StageRunner
from perception_kd.experiments.workspace import Workspace
from tests.experiments.test_parallel import INPUTS, make_stages

pytest.importorskip("submitit")


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_jobs_run_and_failures_are_named(
    tmp_path: Path, cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "logs" / "cluster"
    executor = ClusterExecutor(open_slurm(folder, 2, {"timeout_min": 5}, cluster=cluster), 2)
    stages = make_stages(tmp_path, {"b2": "import sys; sys.exit('the reason')"})
    workspace = Workspace(tmp_path, tmp_path / "data")
    runner = StageRunner(workspace, stages, Display(sys.stdout), executor)
    assert runner.run(list(INPUTS), keep_going=True) == {
        "b2": "failed with status 1: the reason",
        "end": "was not run, since b2 failed",
    }
    assert (tmp_path / "a2.txt").read_text() == "aa2"
    assert "a2: done in" in capsys.readouterr().out


def test_unknown_parameters_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--executor-options: (?s:.)*nodez"):
        open_slurm(tmp_path, 1, {"nodez": 2}, cluster="local")
