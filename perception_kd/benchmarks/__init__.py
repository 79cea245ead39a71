"""Speed and memory of parts against what they stand in for, run in the same process."""

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

# The harness imports torch, for which those who only need the names must not wait.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import Row, Settings

__all__ = ["BENCHMARKS", "run_benchmark"]

# Name to module and function, which takes Settings and yields rows.
BENCHMARKS = {
    "bev_pool": "perception_kd.benchmarks.bev_pool:benchmark_bev_pool",
    "sparse_conv": "perception_kd.benchmarks.sparse_conv:benchmark_sparse_conv",
    "superpixel_loss": "perception_kd.benchmarks.superpixel_loss:benchmark_superpixel_loss",
    "superpixels": "perception_kd.benchmarks.superpixels:benchmark_superpixels",
}


def run_benchmark(name: str, settings: "Settings") -> "Iterator[Row]":
    """Run one benchmark by its name.

    Args:
        name: A key of ``BENCHMARKS``.
        settings: How to run it.

    Yields:
        One row a comparison, as soon as it is there.

    Raises:
        ValueError: If there is no benchmark of that name.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"name must be one of {', '.join(BENCHMARKS)}, but got {name}.")
    module, function = BENCHMARKS[name].split(":")
    run: Callable[[Settings], Iterator[Row]] = getattr(importlib.import_module(module), function)
    yield from run(settings)
