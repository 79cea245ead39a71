"""Masks of map classes against the devkit's masks and point-in-polygon tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from nuscenes.map_expansion.map_api import NuScenesMap
from nuscenes.nuscenes import NuScenes
from shapely import STRtree, contains_xy
from shapely.geometry import LineString, Polygon, box

from perception_kd.datasets.nuscenes.maps import MAP_LAYERS, VectorMap, draw_bev_masks
from perception_kd.datasets.transforms import LoadBEVMasks
from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.structures import Sample

Array = NDArray[np.float64]
RANGE = (-25.0, -20.0, -5.0, 25.0, 20.0, 3.0)
GRID = BEVGrid(RANGE, cell_size=0.5)
LAYERS = [name for layers in MAP_LAYERS.values() for name in layers]


def pose(x: float, y: float, yaw: float) -> Array:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, 1.8], [0, 0, 0, 1]])


def make_map(**shapes: list[Polygon] | list[LineString]) -> VectorMap:
    return VectorMap({name: STRtree(shapes.get(name, [])) for name in LAYERS})


@pytest.fixture(scope="module")
def place(synthetic_nuscenes: Path) -> tuple[NuScenesMap, VectorMap, Array]:
    """Return a location's map, by the devkit and by us, and a vehicle's position."""
    nusc = NuScenes("v1.0-mini", str(synthetic_nuscenes), verbose=False)
    location = nusc.get("log", nusc.scene[0]["log_token"])["location"]
    by_devkit = NuScenesMap(str(synthetic_nuscenes), location)
    ours = VectorMap.read(synthetic_nuscenes, location)
    return by_devkit, ours, np.array(nusc.ego_pose[0]["translation"][:2])


@pytest.mark.parametrize("yaw_deg", [0.0, 31.0, -140.0])
def test_corner_masks_are_the_devkit_s(
    place: tuple[NuScenesMap, VectorMap, Array], yaw_deg: float
) -> None:
    by_devkit, ours, (x, y) = place
    classes = [name for name in MAP_LAYERS if name != "divider"]
    masks = draw_bev_masks(ours, pose(x, y, np.deg2rad(yaw_deg)), GRID, classes, value_at="corner")
    patch = (x, y, 40.0, 50.0)
    theirs = by_devkit.get_map_mask(patch, yaw_deg, list(MAP_LAYERS)[:5], GRID.shape)
    assert masks.sum(axis=(1, 2))[0] > 500
    np.testing.assert_array_equal(masks, theirs)


def test_center_masks_hold_the_cells_whose_centers_are_covered(
    place: tuple[NuScenesMap, VectorMap, Array],
) -> None:
    by_devkit, ours, (x, y) = place
    sensor = pose(x, y, 0.7)
    (mask,) = draw_bev_masks(ours, sensor, GRID, ["walkway"])
    rows, columns = np.indices(GRID.shape)
    centers = np.stack([RANGE[0] + 0.5 * (columns + 0.5), RANGE[1] + 0.5 * (rows + 0.5)], axis=-1)
    where = centers @ sensor[:2, :2].T + sensor[:2, 3]
    polygons = [by_devkit.extract_polygon(r["polygon_token"]) for r in by_devkit.walkway]
    covered = np.any([contains_xy(p, where[..., 0], where[..., 1]) for p in polygons], axis=0)
    assert covered.any()
    np.testing.assert_array_equal(mask, covered)


def test_convention_rows_are_y_and_columns_are_x() -> None:
    square = make_map(walkway=[box(10.1, 3.1, 12.9, 3.9)])
    (mask,) = draw_bev_masks(square, np.eye(4), GRID, ["walkway"])
    rows, columns = np.nonzero(mask)
    # y spans (3.1 + 20) / 0.5 = 46.2 to 47.8 cells: the centers 46.5 and 47.5.
    assert set(rows) == {46, 47}
    # x spans 70.2 to 75.8 cells.
    assert (columns.min(), columns.max()) == (70, 75)


def test_flips_rotations_and_scales_of_points_move_the_map() -> None:
    shape = make_map(carpark_area=[Polygon([(2, 1), (14, 3), (10, 9), (3, 7)])])
    (mask,) = draw_bev_masks(shape, np.eye(4), GRID, ["carpark_area"])
    flipped_x = np.diag([-1.0, 1.0, 1.0, 1.0])
    (flipped,) = draw_bev_masks(shape, np.linalg.inv(flipped_x), GRID, ["carpark_area"])
    np.testing.assert_array_equal(flipped, mask[:, ::-1])
    halved = np.diag([0.5, 0.5, 0.5, 1.0])
    (small,) = draw_bev_masks(shape, np.linalg.inv(halved), GRID, ["carpark_area"])
    (expected,) = draw_bev_masks(
        shape, np.eye(4), BEVGrid((-50.0, -40.0, -5.0, 50.0, 40.0, 3.0), 1.0), ["carpark_area"]
    )
    np.testing.assert_array_equal(small, expected)


def test_a_tilted_sensor_sees_the_ground_at_its_height() -> None:
    # Pitched by 0.1 rad 10 m above the ground: what is 10 m ahead on the ground lies
    # at y = 10 cos 0.1 - 10 sin 0.1 in the sensor's coordinates.
    cos, sin = np.cos(0.1), np.sin(0.1)
    lidar2global = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 15], [0, 0, 0, 1.0]])
    shape = make_map(walkway=[box(-5, 9.0, 5, 11.0)])
    (mask,) = draw_bev_masks(shape, lidar2global, GRID, ["walkway"], ground_height=5.0)
    middle = RANGE[1] + 0.5 * (np.nonzero(mask)[0].mean() + 0.5)
    assert middle == pytest.approx(10 * cos - 10 * sin, abs=0.26)


def test_a_hole_does_not_erase_what_lies_in_it() -> None:
    ring = Polygon([(-9, -9), (9, -9), (9, 9), (-9, 9)], [[(-5, -5), (5, -5), (5, 5), (-5, 5)]])
    shapes = make_map(drivable_area=[box(-2, -2, 2, 2), ring])
    (mask,) = draw_bev_masks(shapes, np.eye(4), GRID, ["drivable_area"])
    center = (40, 50)
    assert mask[center] == 1
    assert mask[40, 57] == 0
    assert mask[40, 64] == 1


def test_dividers_are_lines_of_both_layers() -> None:
    shapes = make_map(
        road_divider=[LineString([(-10.2, -30), (-10.2, 30)])],
        lane_divider=[LineString([(6.2, -30), (6.2, 30)])],
    )
    (mask,) = draw_bev_masks(shapes, np.eye(4), GRID, ["divider"])
    columns = np.unique(np.nonzero(mask)[1])
    # At 29.6 and 62.4 cells, two cells wide.
    assert columns.tolist() == [29, 30, 61, 62]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ["road"]}, r"classes must be among .* but got \['road'\]"),
        ({"value_at": "edge"}, 'value_at must be "center" or "corner", but got "edge"'),
    ],
)
def test_rejects_unknown_names(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_bev_masks(make_map(), np.eye(4), GRID, **settings)


def test_a_missing_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"singapore-onenorth\.json; unpack nuScenes' map"):
        VectorMap.read(tmp_path, "singapore-onenorth")


def make_sample(root: Path) -> Sample:
    logs = json.loads((root / "v1.0-mini" / "log.json").read_text())
    poses = json.loads((root / "v1.0-mini" / "ego_pose.json").read_text())
    lidar2ego = np.array([[0, 1, 0, 0.9], [-1, 0, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1]])
    return {
        "sample_token": "first",
        "data_root": str(root),
        "location": logs[0]["location"],
        "lidar2ego": lidar2ego,
        "ego2global": pose(poses[0]["translation"][0], poses[0]["translation"][1], 0.3),
    }


def test_masks_follow_the_augmentation_of_points(synthetic_nuscenes: Path) -> None:
    load = LoadBEVMasks(RANGE, cell_size=0.5)
    sample = make_sample(synthetic_nuscenes)
    loaded = load(sample)
    plain = loaded["gt_bev_masks"]
    assert loaded["map_classes"] == tuple(MAP_LAYERS)
    assert plain.shape == (6, 80, 100)
    assert plain[0].sum() > 500
    turned = load({**sample, "lidar_aug_matrix": np.diag([-1.0, -1.0, 1.0, 1.0])})
    assert (turned["gt_bev_masks"] != plain[:, ::-1, ::-1]).mean() < 0.01
    assert (turned["gt_bev_masks"] != plain).mean() > 0.05


def test_a_turn_scale_and_shift_of_points_are_undone(synthetic_nuscenes: Path) -> None:
    sample = make_sample(synthetic_nuscenes)
    turn, scale, shift = pose(0, 0, np.deg2rad(30))[:3, :3], 1.1, np.array([2.0, -3.0, 0.4])
    augmented, undone = np.eye(4), np.eye(4)
    augmented[:3, :3], augmented[:3, 3] = scale * turn, shift
    undone[:3, :3], undone[:3, 3] = turn.T / scale, -turn.T @ shift / scale
    ego2global = sample["ego2global"]
    expected = draw_bev_masks(
        VectorMap.read(synthetic_nuscenes, str(sample["location"])),
        ego2global @ sample["lidar2ego"] @ undone,
        GRID,
        ground_height=ego2global[2, 3],
    )
    masks = LoadBEVMasks(RANGE, 0.5)({**sample, "lidar_aug_matrix": augmented})["gt_bev_masks"]
    assert expected[0].sum() > 500
    np.testing.assert_array_equal(masks, expected)


def test_an_info_file_without_locations_is_refused(synthetic_nuscenes: Path) -> None:
    sample: Sample = {**make_sample(synthetic_nuscenes), "location": None}
    with pytest.raises(ValueError, match="no location for sample first"):
        LoadBEVMasks(RANGE, cell_size=0.5)(sample)
