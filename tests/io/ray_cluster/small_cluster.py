"""A Ray cluster of two nodes on this machine."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from perception_kd.io.ray_cluster.connection import connected
from perception_kd.io.ray_cluster.pool import RayPool
from tests.faults import ROOT

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
# Without what a test does not need.
HEAD = {**NODE, "include_dashboard": False, "include_log_monitor": False, "no_monitor": True}


class SmallCluster:
    """A head and further nodes of one CPU each, to which this process is connected."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.pool = RayPool(cluster.address)

    def add_node(self) -> Any:
        """Start a node, and return it."""
        with keep_handlers():
            return _try_again(lambda: self._cluster.add_node(**NODE))

    def kill_node(self, node: Any) -> None:
        """Kill all processes of a node."""
        self._cluster.remove_node(node, allow_graceful=False)


@contextmanager
def keep_handlers() -> Iterator[None]:
    """Restore the handler of SIGTERM, which every start of a node replaces."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def start_cluster() -> Iterator[SmallCluster]:
    """Start a cluster that has a head only, and connect to it."""
    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.fspath(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with keep_handlers():
            cluster = _start_head()
        try:
            with connected(cluster.address):
                yield SmallCluster(cluster)
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[SmallCluster]:
    """Return a cluster that has a head only."""
    with start_cluster() as cluster:
        yield cluster


def _start_head() -> Any:
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()

    def start() -> None:
        nonlocal cluster
        try:
            cluster.add_node(**HEAD)
        except Exception:
            cluster.shutdown()
            cluster = Cluster()
            raise

    _try_again(start)
    return cluster


def _try_again(start: Callable[[], Any]) -> Any:
    """Return the result of a start that Ray gives up after 30 s on a busy machine."""
    for _ in range(2):
        with suppress(Exception):  # of several kinds, and Ray's own
            return start()
    return start()
