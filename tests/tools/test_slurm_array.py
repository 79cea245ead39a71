"""The tasks of ``tools/slurm_array.sh`` find each other, and all end with the first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.io.info_file import read_info
from tests.faults import PATIENCE_S, ROOT

SCRIPT = ROOT / "tools" / "slurm_array.sh"


def start_task(number: int, folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Start a task as Slurm would, with one CPU."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RENDEZVOUS_DIR": str(folder),
        "SLURM_ARRAY_JOB_ID": str(os.getpid()),
        "SLURM_ARRAY_TASK_MIN": "0",
        "SLURM_ARRAY_TASK_ID": str(number),
    }
    command = ["bash", str(SCRIPT), *words]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables})


@pytest.mark.slow
def test_all_tasks_of_an_array_end_with_the_first(fake_nuscenes: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = ["nuscenes", "--root", str(fake_nuscenes), "--version", "v1.0-mini"]
    words += ["--out-dir", str(tmp_path)]
    tasks = [start_task(i, tmp_path / "tasks", *words) for i in (1, 0)]
    try:
        assert [task.wait(PATIENCE_S) for task in tasks] == [0, 0]
    finally:
        for task in tasks:
            task.kill()
    assert len(read_info(tmp_path / "nuscenes_infos_train.pkl")["data_list"]) == 2
    assert [path.suffix for path in (tmp_path / "tasks").iterdir()] == [".end"]


def test_outside_of_an_array_the_usage_is_shown() -> None:
    done = subprocess.run(["bash", SCRIPT, "nuscenes"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: sbatch --array=0-N ")
