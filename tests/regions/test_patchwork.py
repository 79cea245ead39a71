"""The ground by Patchwork++: a scene by hand, one sweep at a time, and without it."""

import sys

import numpy as np
import pytest

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.ground import find_ground
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import PATCHWORKPP, RegionSettings
from tests.regions.scene import Points, make_ground, make_parts

SETTINGS = RegionSettings(ground_backend=PATCHWORKPP)


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    pytest.importorskip("pypatchworkpp")


def make_street() -> tuple[Points, dict[str, slice]]:
    """Return the points of a street, and the rows of each thing."""
    parts = make_parts()
    ends = np.cumsum([0, *(len(part) for part in parts.values())])
    rows = {name: slice(*ends[i : i + 2]) for i, name in enumerate(parts)}
    return np.concatenate([*parts.values()]), rows


def test_patchwork_finds_flat_ground() -> None:
    points, rows = make_street()
    is_ground = find_ground(points, SETTINGS)
    radius = np.hypot(*points[:, :2].T)
    near = (radius > 3) & (radius < 25)
    assert is_ground[rows["ground"]][near[rows["ground"]]].mean() > 0.99
    assert is_ground[rows["house"]].mean() < 0.05
    assert is_ground[rows["car"]].mean() < 0.05


def test_cars_are_regions_with_either_ground() -> None:
    points, rows = make_street()
    region_ids = make_regions(points, SETTINGS)
    for name in ("car", "van"):
        assert len(set(region_ids[rows[name]].tolist()) - {NoRegion.GROUND}) == 1, name
        assert region_ids[rows[name]].max() >= 0, name


def test_a_sweep_does_not_depend_on_earlier_ones(capfd: pytest.CaptureFixture[str]) -> None:
    points, _ = make_street()
    alone = find_ground(points, SETTINGS)
    find_ground(points * (1, 1, 0.5) - (0, 0, 0.3), SETTINGS)
    assert np.array_equal(find_ground(points, SETTINGS), alone)
    assert capfd.readouterr().out == ""  # its compiled code prints a line per object


def test_points_out_of_range_are_not_ground() -> None:
    near, far = make_ground((-2, 2), (-2, 2)), make_ground((60, 90), (60, 90))
    assert not find_ground(np.concatenate([near, far]), SETTINGS).any()
    assert find_ground(np.zeros((0, 3)), SETTINGS).shape == (0,)


def test_manifests_name_the_second_ground_only() -> None:
    for settings in (RegionSettings(), JointSettings()):
        assert "ground_backend" not in settings.as_dict()
    for settings in (SETTINGS, JointSettings(ground=SETTINGS)):
        assert settings.as_dict()["ground_backend"] == "patchworkpp"
    assert RegionSettings().with_values(["ground_backend=patchworkpp"]) == SETTINGS
    with pytest.raises(ValueError, match="ground_backend must be slices or patchworkpp"):
        RegionSettings().with_values(["ground_backend=ransac"])


def test_without_patchwork_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypatchworkpp", None)
    with pytest.raises(ImportError, match=r"pypatchworkpp; .*perception-kd\[patchwork\]"):
        find_ground(np.zeros((1, 3)), SETTINGS)
