"""Loading of regions: each point gets its region, and wrong caches are refused."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.transforms import CropToRange, LoadPoints, LoadRegions
from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.regions.codec import encode_region_ids
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample, Sweep

# The third point is not finite, and is dropped in loading.
ROWS = np.array(
    [[1, 2, 3, 0, 7], [4, 5, 6, 0, 8], [np.nan, 8, 9, 0, 9], [5, 1, 1, 5, 0]], np.float32
)
STORED = np.array([4, -6, -1, 0])


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    ROWS.tofile(tmp_path / "points.bin")
    ROWS[:2].tofile(tmp_path / "sweep.bin")
    cache = Cache.create(tmp_path / "regions/a", "regions", {"eps": 0.75, "k": 5}, ".npz", {})
    cache.write("token", encode_region_ids(STORED))
    sweep: Sweep = {
        "lidar_path": str(tmp_path / "sweep.bin"),
        "sweep2lidar": np.eye(4),
        "timestamp": 4.9,
    }
    loaded = LoadPoints(num_sweeps=1)(
        {
            "sample_token": "token",
            "timestamp": 5.0,
            "lidar_path": str(tmp_path / "points.bin"),
            "num_pts_feats": 5,
            "lidar_sweeps": [sweep],
            "info_root": str(tmp_path),
        }
    )
    assert loaded is not None
    return loaded


def test_points_of_earlier_sweeps_get_no_region(sample: Sample) -> None:
    loaded = LoadRegions("regions/a", settings={"eps": 0.75})(sample)
    assert loaded["region_ids"].dtype == np.int32
    # Rows 0, 1 and 3 of the sample's own file, then two points of the earlier sweep.
    assert loaded["region_ids"].tolist() == [4, -1, 0, -1, -1]
    assert "region_ids" not in sample


def test_points_dropped_before_or_after_make_no_difference(sample: Sample) -> None:
    crop = CropToRange([3.5, 0, 0, 6, 9, 9])
    load = LoadRegions("regions/a")
    cropped = crop(sample)
    late = crop(load(sample))
    assert cropped is not None
    assert late is not None
    early = load(cropped)
    assert late["region_ids"].tolist() == early["region_ids"].tolist() == [-1, 0, -1]


def test_a_cache_that_lacks_a_sample_says_which(sample: Sample) -> None:
    with pytest.raises(FileNotFoundError, match="No regions of other in"):
        LoadRegions("regions/a")({**sample, "sample_token": "other"})


def test_regions_of_another_sweep_are_named(sample: Sample, tmp_path: Path) -> None:
    ROWS[:3].tofile(tmp_path / "points.bin")
    with pytest.raises(BrokenFileError, match=r"token\.npz must hold 3 int32, one for each point"):
        LoadRegions("regions/a")(sample)


def test_another_cache_is_a_wrong_setting_not_a_missing_file(sample: Sample) -> None:
    with pytest.raises(ValueError, match=r"cache must be .* regions, but: No cache of regions"):
        LoadRegions("regions/b")(sample)
    with pytest.raises(ValueError, match=r"eps is 0\.75, not 0\.5"):
        LoadRegions("regions/a", settings={"eps": 0.5})(sample)


def test_builds_from_a_config(sample: Sample) -> None:
    load = TRANSFORMS.build({"type": "LoadRegions", "cache": "regions/a"})
    assert load(sample)["region_ids"].tolist() == [4, -1, 0, -1, -1]
