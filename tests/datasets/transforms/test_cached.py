"""Loading of regions: each point gets its region, and wrong caches are refused."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.transforms import CropToRange, LoadPoints, LoadRegions, LoadSuperpixels
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import measure_origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.regions.codec import add_origin, encode_region_ids
from perception_kd.regions.settings import RegionSettings
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import PointLayout, Sample, Sweep

# The third point is not finite, and is dropped in loading.
ROWS = np.array(
    [[1, 2, 3, 0, 7], [4, 5, 6, 0, 8], [np.nan, 8, 9, 0, 9], [5, 1, 1, 5, 0]], np.float32
)
STORED = np.array([3, -6, -1, 0])


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
            "point_layout": PointLayout(num_columns=5),
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
    assert loaded["region_ids"].tolist() == [3, -1, 0, -1, -1]
    assert "region_ids" not in sample


def test_points_dropped_before_or_after_make_no_difference(sample: Sample) -> None:
    crop = CropToRange([3.5, 0, 0, 6, 9, 9])
    load = LoadRegions("regions/a", settings={})
    cropped = crop(sample)
    late = crop(load(sample))
    assert cropped is not None
    assert late is not None
    early = load(cropped)
    assert late["region_ids"].tolist() == early["region_ids"].tolist() == [-1, 0, -1]


def test_a_cache_that_lacks_a_sample_says_which(sample: Sample) -> None:
    with pytest.raises(FileNotFoundError, match="No regions of other in"):
        LoadRegions("regions/a", settings={})({**sample, "sample_token": "other"})


def test_regions_of_another_sweep_are_named(sample: Sample, tmp_path: Path) -> None:
    ROWS[:3].tofile(tmp_path / "points.bin")
    with pytest.raises(BrokenFileError, match=r"token\.npz must hold 3 int32, one for each point"):
        LoadRegions("regions/a", settings={})(sample)


def test_regions_stored_for_another_sweep_are_refused(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "regions/a/token.npz"
    origin = measure_origin("token", sample["lidar_path"])
    path.write_bytes(add_origin(encode_region_ids(STORED), origin))
    load = LoadRegions("regions/a", settings={})
    assert load(sample)["region_ids"].tolist() == [3, -1, 0, -1, -1]
    path.write_bytes(add_origin(encode_region_ids(STORED), origin._replace(key="other")))
    with pytest.raises(BrokenFileError, match=r"token\.npz was made for other, not for token"):
        load(sample)
    path.write_bytes(add_origin(encode_region_ids(STORED), origin._replace(num_bytes=7)))
    with pytest.raises(BrokenFileError, match=r"made from a file of 7 bytes, but .*points\.bin"):
        load(sample)


def test_another_cache_is_a_wrong_setting_not_a_missing_file(sample: Sample) -> None:
    with pytest.raises(ValueError, match=r"no cache of regions at .*b\. Create it: .* regions "):
        LoadRegions("regions/b", settings={})(sample)
    with pytest.raises(ValueError, match=r"eps is 0\.75, not 0\.5"):
        LoadRegions("regions/a", settings={"eps": 0.5})(sample)


def test_builds_from_a_config(sample: Sample) -> None:
    load = TRANSFORMS.build({"type": "LoadRegions", "cache": "regions/a", "settings": {}})
    assert load(sample)["region_ids"].tolist() == [3, -1, 0, -1, -1]


def test_regions_are_those_of_the_default_settings_by_default() -> None:
    thresholds = RegionSettings().as_dict()
    del thresholds["sensor_height"]
    assert LoadRegions("regions/dbscan").settings == thresholds
    assert LoadRegions("regions/dbscan", settings={}).settings == {}


def test_a_missing_cache_names_the_command_and_a_cache_to_use(
    sample: Sample, tmp_path: Path
) -> None:
    for name, num_segments in (("skimage_150", 150), ("skimage_30", 30)):
        settings = {"num_segments": num_segments}
        Cache.create(tmp_path / "superpixels" / name, "superpixels", settings, ".png", {})
    load = LoadSuperpixels("superpixels/fast_150", settings={"num_segments": 150})
    with pytest.raises(ValueError, match="There is no cache of superpixels") as error:
        load(sample)
    create, use = str(error.value).split("; ")
    assert create.endswith("superpixels/fast_150 --backend fast --num-segments 150")
    option = "load_superpixels.cache=superpixels/skimage_150"
    assert use.endswith(f"--cfg-options {{train,val}}_dataloader.dataset.pipeline.{option}")
