"""Speed and memory of operations, compared with the implementations they replace."""

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

# The harness imports torch, for which those who only need the names must not wait.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

__all__ = ["BENCHMARKS", "OF_COMMITS", "OF_SIZES", "run_benchmark"]

# From name to "module:function"; the function takes BenchmarkSettings and yields rows.
BENCHMARKS = {
    "bev_pool": "perception_kd.benchmarks.bev_pool:benchmark_bev_pool",
    "convert": "perception_kd.benchmarks.convert:benchmark_convert",
    "loading": "perception_kd.benchmarks.loading:benchmark_loading",
    "region_boxes": "perception_kd.benchmarks.region_boxes:benchmark_region_boxes",
    "region_quality": "perception_kd.benchmarks.region_quality:benchmark_region_quality",
    "regions": "perception_kd.benchmarks.regions:benchmark_regions",
    "sparse_conv": "perception_kd.benchmarks.sparse_conv:benchmark_sparse_conv",
    "startup": "perception_kd.benchmarks.startup:benchmark_startup",
    "step": "perception_kd.benchmarks.step:benchmark_step",
    "superpixel_loss": "perception_kd.benchmarks.superpixel_loss:benchmark_superpixel_loss",
    "superpixels": "perception_kd.benchmarks.superpixels:benchmark_superpixels",
    "teacher_cache": "perception_kd.benchmarks.teacher_cache:benchmark_teacher_cache",
}
# Those that compare this project with an earlier commit of it.
OF_COMMITS = ("startup", "step")
# Those that have a small and a full size.
OF_SIZES = ("step",)


def run_benchmark(name: str, settings: "BenchmarkSettings") -> "Iterator[Row]":
    """Run one benchmark by name.

    Args:
        name: Key of ``BENCHMARKS``.
        settings: Repeats and device.

    Yields:
        One row per comparison, as soon as it is measured.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"name must be one of {', '.join(BENCHMARKS)}, but got {name}.")
    module, function = BENCHMARKS[name].split(":")
    run: Callable[[BenchmarkSettings], Iterator[Row]] = getattr(
        importlib.import_module(module), function
    )
    yield from run(settings)
