"""The order of the tests, for several workers."""

from collections.abc import Sequence

import pytest


def order_for_workers(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the order in which no worker waits long for another at the end.

    ``--dist worksteal`` gives each worker an equal part of the list, and a worker that
    has done its part takes the end of another one's. So each part begins with its share
    of the long tests, and ends with short ones.
    """
    if workers < 2:
        return list(items)
    long = [item for item in items if item.get_closest_marker("slow")]
    short = [item for item in items if not item.get_closest_marker("slow")]
    # First those that need a limit of their own.
    long.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    order: list[pytest.Item] = []
    for worker in range(workers):
        size = (len(items) - len(order)) // (workers - worker)  # as pytest-xdist deals them
        share = long[len(long) * worker // workers : len(long) * (worker + 1) // workers]
        num_short = size - len(share)
        order += share + short[:num_short]
        short = short[num_short:]
    return order
