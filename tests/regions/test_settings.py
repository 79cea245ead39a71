"""Settings of regions: the published numbers, values from text, and refusals."""

import json

import pytest

from perception_kd.regions.settings import RegionSettings


def test_the_published_numbers() -> None:
    settings = RegionSettings()
    assert (settings.eps, settings.min_points) == (0.75, 5)
    assert (settings.max_x, settings.slice_length, settings.min_slice_points) == (54, 10, 50)
    assert (settings.num_lowest, settings.seed_height, settings.max_depth) == (50, 0.5, 0.5)
    assert (settings.num_iterations, settings.ground_height) == (5, 0.2)
    assert settings.ego_half_width == 1.5
    # Published as heights in the sensor's coordinates.
    assert settings.min_height - settings.sensor_height == pytest.approx(-1.84 + 0.25)
    assert settings.max_height - settings.sensor_height == pytest.approx(3.0)
    assert settings.min_side_ratio == 0.1
    assert (settings.min_area, settings.max_area) == (0.25, 20)


def test_values_are_parsed_from_text() -> None:
    settings = RegionSettings().with_values(["eps=0.5", "min_points=8", "max_area=1e3"])
    assert settings == RegionSettings(eps=0.5, min_points=8, max_area=1000.0)
    assert isinstance(settings.min_points, int)
    assert RegionSettings().with_values([]) == RegionSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epsilon=1", r"with a name of sensor_height, .*but got 'epsilon=1'"),
        ("eps", "eps must be of type float, but got ''"),
        ("min_points=2.5", "min_points must be of type int, but got '2.5'"),
        ("eps=0", "eps must be positive, but got 0.0"),
        ("eps=nan", "eps must be positive, but got nan"),
        ("min_points=0", "min_points must be at least 1, but got 0"),
        ("num_iterations=0", "num_iterations must be at least 1, but got 0"),
        ("max_area=0.1", "min_area must be at most max_area, but got 0.25 and 0.1"),
        ("min_height=9", "min_height must be at most max_height, but got 9.0 and 4.84"),
    ],
)
def test_wrong_values_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegionSettings().with_values([text])


def test_settings_survive_a_manifest() -> None:
    settings = RegionSettings(eps=0.6)
    assert RegionSettings(**json.loads(json.dumps(settings.as_dict()))) == settings
