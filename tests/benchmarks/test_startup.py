"""The benchmark of start-up: which trees it measures, and what it says without one."""

from pathlib import Path

from perception_kd.benchmarks import startup
from perception_kd.benchmarks.harness import BenchmarkSettings
from tools.benchmark import format_row


def test_trees_are_measured_in_turn() -> None:
    seconds = iter([4.0, 9.0, 3.0, 12.0])
    trees: list[Path] = []

    def measure(tree: Path) -> float:
        trees.append(tree)
        return next(seconds)

    row = startup._compare("x", measure, BenchmarkSettings(2, against=Path("/earlier")))
    assert trees == [startup.ROOT, Path("/earlier")] * 2
    assert (row["ours_s"], row["reference_s"], row["ratio"]) == (3, 9, 3)


def test_without_an_earlier_tree_there_is_no_ratio() -> None:
    row = startup._compare("x", lambda tree: 0.25, BenchmarkSettings(1))
    assert format_row(row).split() == ["x", "250.0", "ms", "-", "-", "-", "-", "-"]


def test_cpu_seconds_are_those_of_the_process() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    assert 0.3 <= startup._cpu_seconds(["-c", busy], startup.ROOT) < 3
    assert startup._cpu_seconds(["-c", "import time; time.sleep(0.3)"], startup.ROOT) < 0.3
