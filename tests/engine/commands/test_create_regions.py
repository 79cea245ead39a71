"""Presets of the command that makes regions."""

import pytest

from perception_kd.engine.commands.create_regions import LIDAR_HEIGHTS, make_preset
from perception_kd.regions.settings import RegionSettings


def test_presets_differ_only_in_the_height_of_the_lidar() -> None:
    known = {name: height for name, height in LIDAR_HEIGHTS.items() if height is not None}
    assert known == {"nuscenes": 1.84, "semantickitti": 1.73, "waymo": 0.0}
    for name, height in known.items():
        assert make_preset(name.upper()) == RegionSettings(sensor_height=height)
    assert make_preset("folder") == make_preset("nuScenes") == RegionSettings()


def test_a_preset_of_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of folder, nuscenes, .*, waymo, but got 'once'"):
        make_preset("once")
