"""Regions of drawn worlds lie on one thing each, as the renderer knows them."""

import numpy as np
import pytest

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.segmentation import make_regions
from perception_kd.synthetic.world.settings import SyntheticSettings
from tests.regions.purity import measure_purity, scan_scene


def test_purity_by_hand() -> None:
    # Region 0: three points of object 7, one of 8. Region 1: ground of two kinds.
    region_ids = np.array([0, 0, 0, 0, 1, 1, NoRegion.NOISE], np.int32)
    purity = measure_purity([(region_ids, np.array([7, 8, 7, 7, 1, 2, 9]))])
    assert purity.main_share.tolist() == [0.75, 1]
    assert purity.is_ground.tolist() == [False, True]
    assert purity.share_pure(0.9) == 0.5
    assert purity.by_points() == pytest.approx((3 + 2) / 6)


@pytest.mark.slow
def test_nine_of_ten_regions_come_from_one_object() -> None:
    pairs = [
        (make_regions(sweep.points), sweep.object_id)
        for scene in range(4)
        for sweep in scan_scene(SyntheticSettings(), scene, times=[0.0, 4.0])
    ]
    purity = measure_purity(pairs)
    assert len(purity.sizes) > 100
    assert purity.share_pure(least=0.9) >= 0.9
    assert purity.by_points() >= 0.95
    # Mounds that rise above the plane of a slice are left over.
    assert purity.is_ground.mean() < 0.1
