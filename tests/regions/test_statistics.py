"""Statistics of regions against counts by hand."""

import numpy as np
import pytest

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.statistics import add_statistics, count_regions

SWEEPS = [
    np.array([0, 0, 1, -2, -2, -2, -1, 0], np.int32),
    np.array([-2, -5], np.int32),
    np.array([0] * 10, np.int32),
]


def test_counts_by_hand() -> None:
    statistics = count_regions("scene-1", SWEEPS)
    assert statistics.num_sweeps == 3
    assert statistics.num_points == 20
    assert statistics.sizes.tolist() == [3, 1, 10]
    assert statistics.regions_per_sweep == 1
    assert statistics.median_size == 3
    assert statistics.share_in_regions == pytest.approx(14 / 20)
    assert statistics.share_without(NoRegion.GROUND) == pytest.approx(4 / 20)
    assert statistics.share_without(NoRegion.TOO_HIGH) == pytest.approx(1 / 20)
    assert statistics.describe() == (
        "scene-1: 3 sweeps, 1.0 regions each of 3 points (median); 70.0% of the points in "
        "regions, 20.0% ground"
    )


def test_shares_sum_to_one() -> None:
    statistics = count_regions("a", SWEEPS)
    without = sum(statistics.share_without(reason) for reason in NoRegion)
    assert statistics.share_in_regions + without == pytest.approx(1)


def test_scenes_add_up() -> None:
    parts = [count_regions("a", SWEEPS[:1]), count_regions("b", SWEEPS[1:])]
    total, expected = add_statistics("all", parts), count_regions("all", SWEEPS)
    assert total.describe() == expected.describe()
    assert total.num_without == expected.num_without
    assert np.array_equal(total.sizes, expected.sizes)


def test_nothing_is_counted_as_zero() -> None:
    statistics = add_statistics("all", [])
    assert statistics.regions_per_sweep == statistics.share_in_regions == 0
    assert statistics.median_size == statistics.share_without(NoRegion.NOISE) == 0
    assert count_regions("a", []).describe().startswith("a: 0 sweeps, 0.0 regions")
