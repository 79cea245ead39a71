"""Synthetic data, checked with nuscenes-devkit."""

import json
from pathlib import Path

import numpy as np
import pytest
from nuscenes.eval.detection.constants import DETECTION_NAMES
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.eval.lidarseg.evaluate import LidarSegEval
from nuscenes.map_expansion.map_api import NuScenesMap
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box
from nuscenes.utils.splits import create_splits_scenes

from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.structures import Array
from perception_kd.synthetic.world.settings import LOCATIONS, SYNTHETIC_VERSION
from tests.fake_data.fixtures import TINY
from tests.synthetic.devkit import evaluate_perfect_boxes


@pytest.fixture(scope="module")
def nusc(synthetic_nuscenes: Path) -> NuScenes:
    return NuScenes(SYNTHETIC_VERSION, str(synthetic_nuscenes), verbose=False)


def test_both_splits_have_a_complete_scene(nusc: NuScenes) -> None:
    splits = create_splits_scenes()
    names = {scene["name"] for scene in nusc.scene}
    assert names & set(splits["mini_train"])
    assert names & set(splits["mini_val"])
    assert len(nusc.sample) == TINY.scenes * TINY.keyframes
    for sample in nusc.sample:
        assert len(sample["data"]) == 7
        for token in sample["data"].values():
            path, _, _ = nusc.get_sample_data(token)
            assert Path(path).is_file()


def test_sweeps_are_evenly_spaced_between_keyframes(nusc: NuScenes) -> None:
    times = sorted(x["timestamp"] for x in nusc.sample_data if x["channel"] == "LIDAR_TOP")
    steps = np.diff(times[: len(times) // TINY.scenes])
    assert len(steps) == (TINY.keyframes - 1) * (TINY.sweeps + 1)
    np.testing.assert_allclose(steps, 0.5e6 / (TINY.sweeps + 1), atol=1)


def test_cameras_fire_when_the_lidar_passes_their_heading(nusc: NuScenes) -> None:
    sample = nusc.sample[0]
    order = ["CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT"]
    order += ["CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT"]
    records = [nusc.get("sample_data", sample["data"][name]) for name in order]
    lags = [sample["timestamp"] - record["timestamp"] for record in records]
    # Lags in ms behind the LiDAR timestamp in scene-0103 of the real nuScenes.
    np.testing.assert_allclose(np.array(lags) / 1e3, [43, 35, 27, 19.5, 10, 0], atol=0.7)


def test_each_scene_has_all_detection_classes(nusc: NuScenes) -> None:
    for scene in nusc.scene:
        found = {
            category_to_detection_name(record["category_name"])
            for record in nusc.sample_annotation
            if nusc.get("sample", record["sample_token"])["scene_token"] == scene["token"]
            and record["num_lidar_pts"] > 0
        }
        assert set(DETECTION_NAMES) <= found


def test_all_lidarseg_classes_occur(nusc: NuScenes) -> None:
    evaluation = _lidarseg_evaluation(nusc)
    seen = set()
    for record in nusc.lidarseg:
        labels = np.fromfile(Path(nusc.dataroot) / record["filename"], np.uint8)
        path = nusc.get_sample_data_path(record["sample_data_token"])
        assert len(labels) == len(np.fromfile(path, np.float32)) // 5
        seen |= set(evaluation.mapper.convert_label(labels).tolist())
    assert set(range(1, 17)) <= seen


def test_boxes_contain_and_count_their_points(nusc: NuScenes) -> None:
    num_right, num_points = 0, 0
    for sample in nusc.sample:
        token = sample["data"]["LIDAR_TOP"]
        path, boxes, _ = nusc.get_sample_data(token)
        points = LidarPointCloud.from_file(path).points[:3]
        labels = np.fromfile(
            Path(nusc.dataroot) / nusc.get("lidarseg", token)["filename"], np.uint8
        )
        names = np.array([nusc.lidarseg_idx2name_mapping[x] for x in range(32)])[labels]
        held = np.zeros(len(names), bool)
        for box in boxes:
            inside = points_in_box(box, points)
            assert nusc.get("sample_annotation", box.token)["num_lidar_pts"] == inside.sum()
            held |= inside & (names == box.name)
        near = np.linalg.norm(points, axis=0) < 70
        thing = np.isin(names, [box.name for box in boxes]) & near
        num_right, num_points = num_right + (held & thing).sum(), num_points + thing.sum()
    assert num_points > 1000
    # Objects at the seam of a sweep are scanned twice, about 0.3 m apart.
    assert num_right > 0.99 * num_points


def test_velocities_agree_with_attributes(nusc: NuScenes) -> None:
    moving = 0
    for record in nusc.sample_annotation:
        names = [nusc.get("attribute", token)["name"] for token in record["attribute_tokens"]]
        speed = np.linalg.norm(nusc.box_velocity(record["token"])[:2])
        if np.isnan(speed):
            assert not record["prev"]
            assert not record["next"]
        elif names and names[0].endswith(".moving"):
            assert speed > 0.5
            moving += 1
        elif not names or names[0].endswith((".parked", ".stopped", ".standing")):
            assert speed < 1e-6
    assert moving > 10


def test_hidden_objects_keep_their_boxes(nusc: NuScenes) -> None:
    without_points = [x for x in nusc.sample_annotation if x["num_lidar_pts"] == 0]
    assert without_points
    for record in nusc.sample_annotation:
        if record["next"]:
            after = nusc.get("sample_annotation", record["next"])["sample_token"]
            assert nusc.get("sample", record["sample_token"])["next"] == after
    # Such a box is visible to a camera, or the object has points before and after.
    for record in without_points:
        if record["visibility_token"] == "1":
            assert record["prev"]
            assert record["next"]


def test_visibility_has_all_levels(nusc: NuScenes) -> None:
    assert {x["visibility_token"] for x in nusc.sample_annotation} == {"1", "2", "3", "4"}


def test_perfect_boxes_score_nearly_one(nusc: NuScenes, tmp_path: Path) -> None:
    summary = evaluate_perfect_boxes(nusc, tmp_path)
    assert summary["nd_score"] > 0.99
    assert summary["mean_ap"] > 0.99


def test_perfect_lidarseg_scores_one(nusc: NuScenes) -> None:
    evaluation = _lidarseg_evaluation(nusc)
    for record in nusc.lidarseg:
        labels = np.fromfile(Path(nusc.dataroot) / record["filename"], np.uint8)
        merged = evaluation.mapper.convert_label(labels)
        evaluation.global_cm.update(merged, merged)
    assert evaluation.global_cm.get_mean_iou() == 1.0


def _lidarseg_evaluation(nusc: NuScenes) -> LidarSegEval:
    """Return the official evaluation, without the result files that it requires."""
    from nuscenes.eval.lidarseg.utils import ConfusionMatrix, LidarsegClassMapper

    evaluation = LidarSegEval.__new__(LidarSegEval)
    evaluation.mapper = LidarsegClassMapper(nusc)
    evaluation.global_cm = ConfusionMatrix(17, ignore_idx=0)
    return evaluation


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_devkit_opens_the_maps(synthetic_nuscenes: Path, location: str) -> None:
    NuScenesMap(str(synthetic_nuscenes), location)


@pytest.mark.parametrize("location", LOCATIONS)
def test_map_polygons_have_no_slivers(synthetic_nuscenes: Path, location: str) -> None:
    # The devkit clips polygons and fails on parts without area.
    nusc_map = NuScenesMap(str(synthetic_nuscenes), location)
    for polygon in nusc_map.polygon:
        assert nusc_map.extract_polygon(polygon["token"]).buffer(-0.005).geom_type == "Polygon"


def test_the_ego_vehicle_drives_on_the_roads_of_the_map(
    nusc: NuScenes, synthetic_nuscenes: Path
) -> None:
    for scene in nusc.scene:
        log = nusc.get("log", scene["log_token"])
        nusc_map = NuScenesMap(str(synthetic_nuscenes), log["location"])
        mask = next(x["mask"] for x in nusc.map if scene["log_token"] in x["log_tokens"])
        sample = nusc.get("sample", scene["first_sample_token"])
        lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        x, y, _ = nusc.get("ego_pose", lidar["ego_pose_token"])["translation"]
        assert nusc_map.layers_on_point(x, y)["drivable_area"]
        assert mask.is_on_mask(x, y).all()
        layers = ["drivable_area", "road_segment", "lane", "ped_crossing", "walkway"]
        layers += ["stop_line", "carpark_area", "road_divider", "lane_divider"]
        masks = nusc_map.get_map_mask((x, y, 120.0, 120.0), 0.0, layers, (240, 240))
        shares = dict(zip(layers, masks.mean(axis=(1, 2)), strict=True))
        assert all(share > 0 for share in shares.values()), shares


def test_road_points_lie_on_the_roads_of_the_map(nusc: NuScenes, synthetic_nuscenes: Path) -> None:
    for scene in nusc.scene:
        log = nusc.get("log", scene["log_token"])
        nusc_map = NuScenesMap(str(synthetic_nuscenes), log["location"])
        sample = nusc.get("sample", scene["first_sample_token"])
        lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        pose = nusc.get("ego_pose", lidar["ego_pose_token"])
        mount = nusc.get("calibrated_sensor", lidar["calibrated_sensor_token"])
        points = LidarPointCloud.from_file(nusc.get_sample_data_path(lidar["token"]))
        for record in (mount, pose):
            points.rotate(_rotation(record["rotation"]))
            points.translate(np.array(record["translation"]))
        labels = np.fromfile(
            Path(nusc.dataroot) / nusc.get("lidarseg", lidar["token"])["filename"], np.uint8
        )
        x, y = pose["translation"][:2]
        mask = nusc_map.get_map_mask((x, y, 100.0, 100.0), 0.0, ["drivable_area"], (1000, 1000))[0]
        cells = ((points.points[:2] - [[x - 50], [y - 50]]) * 10).astype(int)
        near = ((cells >= 0) & (cells < 1000)).all(axis=0)
        on_map = mask[cells[1, near], cells[0, near]] > 0
        road = labels[near] == nusc.lidarseg_name2idx_mapping["flat.driveable_surface"]
        flat = road | (labels[near] == nusc.lidarseg_name2idx_mapping["flat.sidewalk"])
        assert (on_map == road)[flat].mean() > 0.98


def _rotation(quaternion: list[float]) -> Array:
    from pyquaternion import Quaternion

    matrix: Array = Quaternion(quaternion).rotation_matrix
    return matrix


def test_the_converter_reads_the_data(synthetic_nuscenes: Path, tmp_path: Path) -> None:
    options = SceneOptions(strict=True)
    converted = convert_nuscenes(
        synthetic_nuscenes, SYNTHETIC_VERSION, tmp_path, options=options, workers=0, progress=False
    )
    assert converted.num_samples == {"train": TINY.keyframes, "val": TINY.keyframes}


def test_the_data_is_marked_as_synthetic(nusc: NuScenes, synthetic_nuscenes: Path) -> None:
    assert "synthetic" in (synthetic_nuscenes / "README.md").read_text()
    assert json.loads((synthetic_nuscenes / "synthetic.json").read_text())["settings"]["seed"] == 0
    assert all("Synthetic" in scene["description"] for scene in nusc.scene)
