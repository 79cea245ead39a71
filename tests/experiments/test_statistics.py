"""Paired differences and their confidence intervals, by hand."""

import math

import pytest

from perception_kd.experiments.statistics import paired_difference


def test_the_interval_is_students_by_hand() -> None:
    found = paired_difference({"0": 12.0, "1": 15.0, "2": 13.0}, {"0": 11.0, "1": 12.0, "2": 11.0})
    # Differences 1, 3, 2: mean 2, deviation 1; t of a table for 2 degrees is 4.303.
    assert found is not None
    assert found.mean == pytest.approx(2.0)
    assert found.low == pytest.approx(2 - 4.303 / math.sqrt(3), abs=1e-3)
    assert found.high == pytest.approx(2 + 4.303 / math.sqrt(3), abs=1e-3)
    assert not found.is_found


def test_five_seeds_use_the_quantile_of_the_table() -> None:
    values = {str(i): float(v) for i, v in enumerate([3, 4, 5, 6, 7])}
    found = paired_difference(values, dict.fromkeys(values, 1.0))
    # Mean 4, squares 4 + 1 + 0 + 1 + 4 over n - 1 = 4; t for 4 degrees is 2.776.
    assert found is not None
    half = 2.776 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half), abs=1e-3)
    assert found.is_found


def test_seeds_are_paired_whatever_their_order() -> None:
    found = paired_difference({"0": 1.0, "1": 9.0}, {"1": 8.0, "0": 0.0})
    assert found == (1.0, 1.0, 1.0, 2)


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired_difference({"0": 1.0, "1": 9.0, "2": 5.0}, {"1": 8.0})
    assert found == (1.0, None, None, 1)
    assert paired_difference({"0": 1.0}, {"1": 1.0}) is None


@pytest.mark.parametrize(("level", "quantile"), [(0.90, 2.920), (0.99, 9.925)])
def test_other_levels_have_the_quantiles_of_the_table(level: float, quantile: float) -> None:
    scores = {"0": 1.0, "1": 3.0, "2": 2.0}
    found = paired_difference(scores, dict.fromkeys(scores, 0.0), level)
    assert found is not None
    assert found.high == pytest.approx(2 + quantile / math.sqrt(3), abs=1e-3)
