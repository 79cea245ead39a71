"""Setup of all tests: one thread, long tests first, no GPU tests without a GPU."""

import gc
import os
import signal
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from tests.fake_data.fixtures import (
    fake_nuscenes,
    fake_semantickitti,
    prepared_semantickitti,
    prepared_synthetic,
    shared_folder,
    synthetic_nuscenes,
)
from tests.io.ray_cluster.small_cluster import ray_cluster
from tests.ordering import order_for_workers

__all__ = [
    "fake_nuscenes",
    "fake_semantickitti",
    "prepared_semantickitti",
    "prepared_synthetic",
    "ray_cluster",
    "shared_folder",
    "synthetic_nuscenes",
]

torch.set_num_threads(1)
# A job in the background of a shell ignores Ctrl-C, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _signals_are_handled_as_before() -> Iterator[None]:
    """Fail a test that leaves handlers behind: a later one would end the process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


def pytest_collection_finish() -> None:
    """Leave all that is imported out of later garbage collections.

    mmengine's data sets collect garbage when they are built, which takes half a second
    among the objects of all packages and tests.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` on machines without one; let long tests start first."""
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="needs a CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)
    items[:] = order_for_workers(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
