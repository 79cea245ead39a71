"""Benchmarks: their rows, the command line and the measurement of memory."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd import benchmarks
from perception_kd.benchmarks import run_benchmark
from perception_kd.benchmarks.bev_pool import GRIDS, make_frusta
from perception_kd.benchmarks.bev_pool import make_cases as make_bev_cases
from perception_kd.benchmarks.harness import (
    BenchmarkSettings,
    Case,
    Row,
    compare,
    small_pages,
)
from perception_kd.benchmarks.sparse_conv import (
    GRID,
    make_case,
    make_search,
    make_step,
    make_street_voxels,
)
from perception_kd.benchmarks.superpixel_loss import make_batch, make_cases
from tools import benchmark as benchmark_tool

KEYS = ["name", "reference", "ours_s", "reference_s", "ratio"]
KEYS += ["ours_mb", "reference_mb", "max_abs_diff"]

linux_only = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")


def benchmark_toy(settings: BenchmarkSettings) -> Iterator[Row]:
    ones = torch.ones(10)
    yield compare(Case("toy", "ones", lambda: [ones], lambda: [1.5 * ones]), settings)


@pytest.fixture
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toy", sys.modules[__name__])
    for module in (benchmarks, benchmark_tool):
        monkeypatch.setattr(module, "BENCHMARKS", {"toy": "toy:benchmark_toy"})


def test_a_row_compares_the_fastest_runs_and_the_results() -> None:
    calls = []

    def run(label: str, value: float) -> list[Tensor]:
        calls.append(label)
        if calls == ["ours", "theirs", "ours"]:
            time.sleep(0.2)  # the first of our two timed runs
        return [torch.zeros(2), torch.tensor([1.0, value])]

    case = Case("x", "y", lambda: run("ours", 1.0), lambda: run("theirs", -2.0))
    row = compare(case, BenchmarkSettings(repeats=2))
    assert list(row) == KEYS
    assert row["max_abs_diff"] == 3
    assert row["ours_s"] < 0.1
    assert row["ratio"] == row["reference_s"] / row["ours_s"]
    # One run for the results, two alternating for the time, one for the memory.
    assert calls == ["ours", "theirs"] * 4


MEASURE_80_MB = """
import torch
from perception_kd.benchmarks.harness import measure_peak_mb

def run():
    first, second = torch.ones(20_000_000), torch.ones(10_000_000)
    del second
    return [first * 2]

run()
print(measure_peak_mb(run))
"""


@linux_only
def test_memory_is_the_peak_without_the_results() -> None:
    # Beside the 80 MB of the result there are the 80 MB of `first`, but not `second`.
    # In a separate process, since free heap of this one could hide the allocations.
    printed = subprocess.check_output([sys.executable, "-c", MEASURE_80_MB], text=True)
    assert float(printed) == pytest.approx(80, abs=4)


@pytest.mark.usefixtures("_toy")
def test_json_prints_one_object_per_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert benchmark_tool.main(["all", "--json", "--repeats", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert list(row) == KEYS
    assert row["max_abs_diff"] == 0.5


@pytest.mark.usefixtures("_toy")
def test_the_table_has_a_header_and_a_line_per_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert benchmark_tool.main(["toy", "--repeats", "1", "--threads", "1"]) == 0
    memory, head, line = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Memory: .* the first write of 1 GB takes [\d.]+ s, the next .*", memory)
    assert "1 threads, cpu" in head
    assert line.startswith("toy ")
    assert line.endswith("5.0e-01")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "invalid choice: 'nothing' (choose from"),
        (["sparse_conv", "--repeats", "0"], "must be a positive integer, but got 0"),
    ],
)
def test_rejects_wrong_arguments(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        benchmark_tool.main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_rejects_a_missing_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_tool.main(["superpixel_loss", "--device", "cuda"]) == 2
    expected = "error: torch finds no GPU for --device cuda; use --device cpu.\n"
    assert capsys.readouterr().err == expected


def test_rejects_an_unknown_name_and_a_gpu_for_sparse_conv() -> None:
    with pytest.raises(ValueError, match=r"name must be one of bev_pool, .*, but got x\."):
        next(run_benchmark("x", BenchmarkSettings()))
    with pytest.raises(ValueError, match=r"runs on the CPU only; got device=cuda\."):
        next(run_benchmark("sparse_conv", BenchmarkSettings(device="cuda")))


def test_street_voxels_are_distinct_and_in_the_grid() -> None:
    voxels = make_street_voxels(2000)
    assert len(voxels.unique(dim=0)) == 2000
    assert (voxels[:, 1:] >= 0).all()
    assert (voxels[:, 1:] < torch.tensor(GRID)).all()


@pytest.mark.parametrize("layer", [(3, 5, 3, 1, False), (3, 5, 2, 2, False), (3, 5, 2, 2, True)])
def test_sparse_convolutions_agree(layer: tuple[Any, ...]) -> None:
    case = make_case(make_street_voxels(2000), *layer)
    torch.testing.assert_close(case.ours(), case.theirs())


def test_no_large_pages_come_while_they_are_refused() -> None:
    def are_refused() -> bool:
        return "THP_enabled:\t0" in Path("/proc/self/status").read_text()

    if "THP_enabled" not in Path("/proc/self/status").read_text():
        pytest.skip("this system does not say")
    assert not are_refused()
    with small_pages():
        assert are_refused()
    assert not are_refused()


@pytest.mark.parametrize("layer", [(3, 5, 3, 1, False), (3, 5, 2, 2, False), (3, 5, 2, 2, True)])
def test_matrix_products_are_timed_without_results(layer: tuple[Any, ...]) -> None:
    row = compare(make_step(make_street_voxels(500), *layer), BenchmarkSettings(repeats=1))
    assert row["max_abs_diff"] is None
    assert row["ratio"] > 0
    assert "-" in benchmark_tool.format_row(row)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (2, 2), (3, 2)])
def test_searches_for_pairs_agree(kernel: int, stride: int) -> None:
    case = make_search(make_street_voxels(2000), kernel, stride)
    assert compare(case, BenchmarkSettings(repeats=1))["max_abs_diff"] == 0


def test_superpixel_losses_agree() -> None:
    for case in make_cases(make_batch(num_views=2, height=32, width=48)):
        torch.testing.assert_close(case.ours(), case.theirs(), rtol=1e-4, atol=1e-6)


def test_bev_pools_agree() -> None:
    frusta = make_frusta(GRIDS["128x128"], feat_shape=(4, 11))
    # Nearly all frustum points lie inside the grid, and they cover much of it.
    assert (frusta.cells >= 0).float().mean() > 0.8
    assert len(frusta.cells.unique()) > 3000
    for case in make_bev_cases("pool", frusta):
        torch.testing.assert_close(case.ours(), case.theirs(), rtol=1e-4, atol=1e-5)
