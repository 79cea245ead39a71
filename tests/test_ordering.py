"""Long tests start first on every worker of pytest-xdist."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.ordering import order_for_workers


class Item:
    """A test with marks."""

    def __init__(self, name: str, *marks: str) -> None:
        self.name, self.marks = name, marks

    def get_closest_marker(self, name: str) -> str | None:
        """Return something for a mark that it has."""
        return name if name in self.marks else None


def order(items: Sequence[Any], workers: int) -> str:
    return "".join(item.name for item in order_for_workers(items, workers))


ITEMS = [
    *(Item(name) for name in "abcde"),
    Item("S", "slow"),
    Item("f"),
    Item("T", "slow"),
    Item("L", "slow", "timeout"),
]


@pytest.mark.parametrize(
    ("workers", "expected"), [(1, "abcdeSfTL"), (2, "LabcSTdef"), (3, "LabScdTef")]
)
def test_each_workers_part_begins_with_its_long_tests(workers: int, expected: str) -> None:
    assert order(ITEMS, workers) == expected


def test_only_long_tests_are_dealt_out_as_they_are() -> None:
    assert order([Item(name, "slow") for name in "ABC"], 2) == "ABC"
