"""Superpixel backends against the reference backend."""

from collections.abc import Iterator

from perception_kd.benchmarks.harness import Row, Settings
from perception_kd.superpixels import benchmark


def benchmark_superpixels(settings: Settings) -> Iterator[Row]:
    """Compare the backends on a made-up picture of 1600x900 px, on a CPU.

    Args:
        settings: How often; backends know no device.

    Returns:
        The rows of :func:`perception_kd.superpixels.benchmark.benchmark_superpixels`.
    """
    return benchmark.benchmark_superpixels(repeats=settings.repeats)
