"""Damaged files and entries of a data set are found and named."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.doctor.alignment import count_in_boxes, guess_cause
from perception_kd.doctor.caches import check_cache, open_caches
from perception_kd.doctor.calibration import Calibrations
from perception_kd.doctor.command import check_data_set
from perception_kd.doctor.data import check_maps, choose_samples
from perception_kd.doctor.finding import Finding, Level
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from tests.doctor.conftest import SLIDR, SmallSet

Damage = Callable[[SmallSet], object]


def lidar(data: SmallSet) -> dict[str, Any]:
    """Return the entry of the second key sweep."""
    entry: dict[str, Any] = data.info.samples[1]["lidar_points"]
    return entry


def front(data: SmallSet) -> dict[str, Any]:
    """Return the entry of the second front image."""
    entry: dict[str, Any] = data.info.samples[1]["images"]["CAM_FRONT"]
    return entry


def every_front(data: SmallSet, name: str, change: Callable[[Any], Any]) -> None:
    """Change a field of all front images."""
    for sample in data.info.samples:
        view = sample["images"]["CAM_FRONT"]
        view[name] = np.asarray(change(np.array(view[name], float))).tolist()


def every_box(data: SmallSet, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change fields of all boxes."""
    for sample in data.info.samples:
        sample["instances"] = [{**box, **change(box)} for box in sample["instances"]]


def write_image(data: SmallSet, shape: tuple[int, ...]) -> None:
    image = cv2.imencode(".jpg", np.zeros(shape, np.uint8))[1]
    data.replace(data.path("CAM_BACK"), image.tobytes())


def first_entry(data: SmallSet, kind: str) -> Any:
    """Return the cache's file of the first front image or sweep."""
    sample = data.info.samples[0]
    key = sample["token"]
    if kind == "superpixels":
        key = sample["images"]["CAM_FRONT"]["sample_data_token"]
    return next(data.cache(kind).glob(f"{key}.*"))


def write_large_ids(data: SmallSet) -> None:
    path = first_entry(data, "superpixels")
    ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    data.replace(path, cv2.imencode(".png", np.dstack([ids] * 3))[1].tobytes())


def truncate(data: SmallSet, path: Any, size: int) -> None:
    data.replace(path, path.read_bytes()[:size])


def set_matrix(entry: dict[str, Any], name: str, place: tuple[int, int], value: float) -> None:
    matrix = np.array(entry[name], float)
    matrix[place] = value
    entry[name] = matrix.tolist()


FILES: dict[str, tuple[Damage, str]] = {
    "sweep missing": (lambda d: d.path("pts").unlink(), "No LiDAR sweep at"),
    "sweep truncated": (lambda d: truncate(d, d.path("pts"), 1001), "1001 bytes"),
    "sweep empty": (lambda d: truncate(d, d.path("pts"), 0), "0 bytes"),
    "sweep far away": (lambda d: d.change_points(-1, lambda p: p * 1e4), "farther away than"),
    "sweep of zeros": (
        lambda d: d.change_points(-1, lambda p: p * 0),
        "all positions are at the sensor",
    ),
    "sweep of NaN": (lambda d: d.change_points(-1, lambda p: p * np.nan), "no position is finite"),
    "image missing": (lambda d: d.path("CAM_BACK").unlink(), "No image at"),
    "image truncated": (lambda d: truncate(d, d.path("CAM_BACK"), 2000), "truncated"),
    "image empty": (lambda d: truncate(d, d.path("CAM_BACK"), 0), "0 bytes"),
    "labels missing": (lambda d: d.path("pts_semantic_mask").unlink(), "No point labels at"),
    "labels of another sweep": (lambda d: truncate(d, d.path("pts_semantic_mask"), 50), "50 bytes"),
    "superpixels truncated": (
        lambda d: truncate(d, first_entry(d, "superpixels"), 100),
        "truncated or not a PNG",
    ),
    "superpixels with large ids": (write_large_ids, ""),
    "regions truncated": (lambda d: truncate(d, first_entry(d, "regions"), 100), "100 bytes"),
}


def test_an_intact_data_set_has_no_faults(small_set: SmallSet) -> None:
    findings = small_set.check()
    assert [f for f in findings if f.level is not Level.OK] == []
    text = "\n".join(map(str, findings))
    assert "3 of 3 samples were read" in text
    assert "CAM_FRONT" in text
    assert "16 classes" in text


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_an_error(name: str, small_set: SmallSet) -> None:
    damage, text = FILES[name]
    damage(small_set)
    errors = [f for f in small_set.faults() if f.level is Level.ERROR]
    assert len(errors) == 1
    assert text in str(errors[0])
    assert errors[0].remedy
    assert errors[0].where.startswith(str(small_set.root.parent))


def test_a_sweep_of_another_type_is_an_error(small_set: SmallSet) -> None:
    path = small_set.path("pts")
    points = np.fromfile(path, np.float32).astype(np.float64)
    small_set.replace(path, points.tobytes())
    layout, *_ = small_set.faults()
    assert (layout.level, layout.area) == (Level.ERROR, "point clouds")
    assert str(path) in str(layout)


def test_an_image_of_another_size_is_an_error(small_set: SmallSet) -> None:
    write_image(small_set, (90, 160, 3))
    (size,) = small_set.faults()
    assert "160x90 px, not 320x180" in size.what


def test_an_earlier_sweep_in_another_order_is_an_error(small_set: SmallSet) -> None:
    sweep = small_set.info.samples[-1]["lidar_sweeps"][0]
    path = small_set.root / sweep["lidar_points"]["lidar_path"]
    points = np.fromfile(path, np.float32).reshape(-1, 5)
    small_set.replace(path, points[:, [2, 1, 0, 3, 4]].tobytes())
    (fault,) = small_set.faults()
    assert fault.level is Level.ERROR
    assert str(path) in str(fault)
    assert "its columns are in another order" in fault.what


def test_an_earlier_sweep_that_is_missing_is_an_error(small_set: SmallSet) -> None:
    sweep = small_set.info.samples[1]["lidar_sweeps"][0]["lidar_points"]["lidar_path"]
    (small_set.root / sweep).unlink()
    (error,) = small_set.faults()
    assert str(small_set.root / sweep) in str(error)


def test_some_points_that_are_not_finite_are_a_warning(small_set: SmallSet) -> None:
    def spoil(points: Any) -> Any:
        points[:7, 0] = np.inf
        return points

    small_set.change_points(1, spoil)
    (warning,) = small_set.faults()
    assert warning.level is Level.WARNING
    assert "7 of " in warning.what


def test_an_entry_of_an_image_that_was_replaced_is_an_error(small_set: SmallSet) -> None:
    write_image(small_set, (180, 320, 3))
    (entry,) = small_set.faults()
    assert "other content" in str(entry)
    assert entry.area == "cache"


@pytest.mark.parametrize("index", [0, 1])
def test_a_sweep_of_several_samples_is_counted_once(index: int, small_set: SmallSet) -> None:
    path = small_set.path("pts", index)  # also an earlier sweep of the samples after it
    truncate(small_set, path, 1001)
    (error,) = small_set.faults()
    assert (error.count, error.where) == (1, str(path))


def test_a_sweep_of_another_type_is_counted_once(small_set: SmallSet) -> None:
    path = small_set.path("pts")
    points = np.fromfile(path, np.float32).astype(np.float64)
    small_set.replace(path, points.tobytes())
    (layout,) = (f for f in small_set.faults() if f.area == "point clouds")
    assert layout.count == 1


def test_a_damaged_file_is_not_said_again_by_the_pipelines(small_set: SmallSet) -> None:
    cfg = read_config(SLIDR)
    set_data_folders(cfg, str(small_set.root), str(small_set.info_root))
    small_set.path("CAM_FRONT", 0).unlink()
    args = argparse.Namespace(
        root=small_set.root, infos=[small_set.info.source.path], full=True, num=3, workers=0
    )
    found = list(check_data_set(args, cfg, Calibrations(with_figures=False)))
    errors = [finding for finding in found if finding.level is Level.ERROR]
    assert [finding.area for finding in errors] == ["images"]
    assert not [
        finding for finding in found if finding.area == "pipeline" and "CAM_FRONT" in finding.what
    ]


def test_no_damage_of_an_entry_is_called_a_bug(small_set: SmallSet) -> None:
    lidar(small_set).pop("lidar_path")
    front(small_set)["sample_data_token"] = "../elsewhere"
    small_set.info.samples[2]["images"] = "none"
    found = small_set.faults()
    assert not [finding for finding in found if "report" in finding.remedy]
    assert sum(finding.count for finding in found if finding.area == "info file") == 2


def test_a_wrong_root_is_named(small_set: SmallSet) -> None:
    for index, sample in enumerate(small_set.info.samples):
        sample["lidar_points"]["lidar_path"] = f"elsewhere_{index}.bin"
    text = "\n".join(map(str, small_set.faults()))
    assert f"No point cloud below {small_set.root} can be read" in text
    assert "3 sweeps cannot be read, the first: No LiDAR sweep" in text
    assert "the file was made with: python tools/create_data.py nuscenes" in text


ENTRIES: dict[str, tuple[Damage, Level, str]] = {
    "a key is missing": (lambda d: lidar(d).pop("lidar_path"), Level.ERROR, "lidar_path"),
    "text in a matrix": (
        lambda d: front(d).update(lidar2cam="x"),
        Level.ERROR,
        "data_list[1]: FieldError",
    ),
    "NaN pose": (
        lambda d: set_matrix(lidar(d), "ego2global", (0, 3), np.nan),
        Level.ERROR,
        "lidar_points.ego2global must be a rotation",
    ),
    "scaled pose": (
        lambda d: set_matrix(lidar(d), "lidar2ego", (0, 0), 3.0),
        Level.ERROR,
        "lidar_points.lidar2ego must be a rotation",
    ),
    "mirrored pose": (
        lambda d: lidar(d).update(lidar2ego=np.diag([1.0, 1, -1, 1]).tolist()),
        Level.ERROR,
        "lidar_points.lidar2ego must be a rotation",
    ),
    "no 4x4": (lambda d: lidar(d).update(lidar2ego=[[1.0]]), Level.ERROR, "lidar2ego"),
    "negative focal length": (
        lambda d: set_matrix(front(d), "cam2img", (0, 0), -260.0),
        Level.ERROR,
        "positive focal lengths",
    ),
    "time in us": (
        lambda d: [
            s["lidar_points"].update(timestamp=s["lidar_points"]["timestamp"] * 1e6)
            for s in d.info.samples
        ],
        Level.ERROR,
        "timestamp must be in s",
    ),
    "time is NaN": (lambda d: lidar(d).update(timestamp=np.nan), Level.ERROR, "timestamp"),
    "order of time": (lambda d: d.info.samples.reverse(), Level.WARNING, "not later than"),
    "image of another time": (
        lambda d: front(d).update(timestamp=front(d)["timestamp"] + 5),
        Level.WARNING,
        "s away from the sweep",
    ),
    "sweep of the future": (
        lambda d: d.info.samples[1]["lidar_sweeps"][0].update(
            timestamp=lidar(d)["timestamp"] + 1.0
        ),
        Level.WARNING,
        "s earlier than its sample",
    ),
    "sweep far away": (
        lambda d: set_matrix(d.info.samples[1]["lidar_sweeps"][0], "sweep2lidar", (0, 3), 99.0),
        Level.WARNING,
        "moved 99.",
    ),
    "two cameras in one place": (
        lambda d: front(d).update(
            lidar2cam=d.info.samples[1]["images"]["CAM_FRONT_LEFT"]["lidar2cam"]
        ),
        Level.WARNING,
        "It is at the place of CAM_FRONT",
    ),
    "box of NaN": (
        lambda d: every_box(d, lambda b: {"bbox_3d": [*b["bbox_3d"][:6], float("nan")]}),
        Level.ERROR,
        "a box must have finite values",
    ),
    "box without a size": (
        lambda d: every_box(d, lambda b: {"bbox_3d": [*b["bbox_3d"][:3], 0, 1, 1, 0]}),
        Level.ERROR,
        "a box must have finite values, positive sizes",
    ),
    "infinite velocity": (
        lambda d: every_box(d, lambda _: {"velocity": [float("inf"), 0.0]}),
        Level.ERROR,
        "a box must have finite values",
    ),
    "boxes without a class": (
        lambda d: every_box(d, lambda _: {"bbox_label_3d": -1}),
        Level.ERROR,
        "No box has a class",
    ),
    "boxes of one class": (
        lambda d: every_box(d, lambda _: {"bbox_label_3d": 4}),
        Level.WARNING,
        "All boxes have one class",
    ),
    "boxes without points": (
        lambda d: every_box(d, lambda _: {"num_lidar_pts": 0}),
        Level.WARNING,
        "0% with LiDAR points",
    ),
    "boxes in other coordinates": (
        lambda d: every_box(d, lambda b: {"bbox_3d": [-b["bbox_3d"][1], *b["bbox_3d"][1:]]}),
        Level.ERROR,
        "Yaw, order of the sizes or coordinates of the boxes are wrong",
    ),
    "cam2lidar for lidar2cam": (
        lambda d: every_front(d, "lidar2cam", np.linalg.inv),
        Level.WARNING,
        "perhaps it is stored the other way round",
    ),
    "camera that looks at the sky": (
        lambda d: every_front(d, "lidar2cam", lambda _: np.eye(4)),
        Level.ERROR,
        "of the points project into the images",
    ),
    "intrinsics of a larger image": (
        lambda d: every_front(d, "cam2img", lambda k: np.diag([5, 5, 1]) @ k),
        Level.ERROR,
        "has its principal point at cx = 814.3 px, outside the image",
    ),
    "principal point off the center": (
        lambda d: every_front(d, "cam2img", lambda k: np.add(k, [[0, 0, 120], [0] * 3, [0] * 3])),
        Level.WARNING,
        "is far from the center of an image of 320x180 px",
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_damaged_entry_is_found(name: str, small_set: SmallSet) -> None:
    damage, level, text = ENTRIES[name]
    damage(small_set)
    fitting = [f for f in small_set.faults() if text in str(f)]
    assert fitting, list(map(str, small_set.faults()))
    assert {finding.level for finding in fitting} == {level}
    assert all(str(small_set.info.source.path) in finding.where for finding in fitting)


@pytest.mark.parametrize(
    ("mistake", "cause"),
    [
        (lambda matrix, k: (np.linalg.inv(matrix), k), "the other way round"),
        (lambda matrix, k: (matrix, np.diag([8.0, 8, 1]) @ k), "an image of another size"),
        (
            lambda matrix, k: (
                np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) @ matrix,
                k,
            ),
            "axes x forward",
        ),
        (lambda matrix, k: (matrix * np.nan, k), "not finite"),
        (lambda matrix, k: (np.diag([1.0, 1, -1, 1]) @ np.diag([1, 1, 1, 1e9]), k), ""),
    ],
)
def test_the_cause_of_few_points_on_an_image_is_guessed(mistake: Any, cause: str) -> None:
    # A camera 1 m above the LiDAR that looks along y, and points ahead of it.
    lidar2cam = np.array([[1.0, 0, 0, 0.3], [0, 0, -1, 1], [0, 1, 0, -2], [0, 0, 0, 1]])
    cam2img = np.array([[200.0, 0, 160], [0, 200, 90], [0, 0, 1]])
    positions = np.random.default_rng(0).uniform([-5, 10, -2], [5, 40, 2], (500, 3))
    lidar2cam, cam2img = mistake(lidar2cam, cam2img)
    assert cause in guess_cause(positions, lidar2cam, cam2img, (180, 320))


def test_points_in_boxes_are_counted_in_their_own_axes() -> None:
    box = np.array([[10.0, 0, 0, 4, 2, 1, np.pi / 6]])
    inside, beside, beyond = [11.7, 0.9, 0.4], [11.7, -0.9, 0.4], [12.0, 1.15, 0.4]
    assert count_in_boxes(np.array([inside, beside, beyond, inside]), box).tolist() == [2]


def test_samples_are_spread_over_the_scenes() -> None:
    chosen = choose_samples(100, 10)
    assert [index // 10 for index in chosen] == list(range(10))
    assert (chosen[0], chosen[-1]) == (0, 99)
    assert choose_samples(5, 3) == [0, 2, 4]
    assert choose_samples(4, None) == choose_samples(4, 9) == [0, 1, 2, 3]


def check_caches(data: SmallSet) -> list[Finding]:
    caches, findings = open_caches([data.info], None)
    found = [*findings, *(f for cache in caches for f in check_cache(cache, [data.info]))]
    return [finding for finding in found if finding.level is not Level.OK]


def test_caches_fit_their_samples(small_set: SmallSet) -> None:
    assert check_caches(small_set) == []


def test_entries_that_a_cache_lacks_are_counted(small_set: SmallSet) -> None:
    path = first_entry(small_set, "superpixels")
    path.unlink()
    warning, error = check_caches(small_set)
    assert "The manifest counts" in warning.what
    assert error.level is Level.ERROR
    assert f"1 of 3 entries of CAM_FRONT are missing, such as {path.stem}." in error.what
    assert "tools/create_data.py superpixels" in error.remedy


def test_empty_entries_of_a_cache_are_named(small_set: SmallSet) -> None:
    path = first_entry(small_set, "regions")
    small_set.replace(path, b"")
    found = check_caches(small_set)
    assert f"1 entries are empty, such as {path.name}." in found[0].what
    assert any("1 of 3 entries of sweeps are missing" in finding.what for finding in found)


def test_a_changed_manifest_is_an_error(small_set: SmallSet) -> None:
    path = small_set.cache("regions") / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"]["eps"] = 99.0
    small_set.replace(path, json.dumps(manifest).encode())
    (error,) = check_caches(small_set)
    assert "do not match their settings_hash" in error.what


def test_a_cache_of_other_data_is_an_error(small_set: SmallSet) -> None:
    for sample in small_set.info.samples:
        sample["token"] = f"other_{sample['token']}"
    assert any("to another data set" in finding.what for finding in check_caches(small_set))


@pytest.mark.parametrize("kind", ["superpixels", "regions"])
def test_entries_of_other_samples_are_an_error(small_set: SmallSet, kind: str) -> None:
    tokens = {
        "regions": [sample["token"] for sample in small_set.info.samples],
        "superpixels": [
            sample["images"]["CAM_BACK"]["sample_data_token"] for sample in small_set.info.samples
        ],
    }[kind]
    paths = [next(small_set.cache(kind).glob(f"{token}.*")) for token in tokens]
    first, second = paths[0].read_bytes(), paths[1].read_bytes()
    small_set.replace(paths[0], second)
    small_set.replace(paths[1], first)
    (error,) = small_set.faults()
    assert error.level is Level.ERROR
    assert "was made for" in str(error)
    assert {Path(place).stem for place in error.places} == {paths[0].stem, paths[1].stem}


def test_entries_of_replaced_sweeps_are_an_error(small_set: SmallSet) -> None:
    moved = np.array([0.5, 0.5, 0.5, 0, 0], np.float32)
    small_set.change_points(-1, lambda points: points + moved)
    assert any("was made from other content" in str(x) for x in small_set.faults())


def test_regions_that_are_all_empty_are_an_error(small_set: SmallSet) -> None:
    from perception_kd.regions.codec import encode_region_ids

    for path in small_set.cache("regions").glob("*.npz"):
        with np.load(path) as archive:
            none = np.full_like(archive["region_ids"], -1)
        small_set.replace(path, encode_region_ids(none))
    (error,) = small_set.faults()
    assert error.level is Level.ERROR
    assert "3 have none" in error.what


def test_samples_off_the_map_are_named(small_set: SmallSet) -> None:
    for number, level in ((1, Level.WARNING), (3, Level.ERROR)):
        for sample in small_set.info.samples[:number]:
            pose = np.eye(4)
            pose[0, 3] = 5e4
            sample["lidar_points"]["ego2global"] = pose.tolist()
        (found,) = [x for x in check_maps([small_set.info]) if x.level is not Level.OK]
        assert found.level is level
        assert f"{number} of 3 samples" in found.what
        assert small_set.info.samples[0]["token"] in found.what


def test_maps_are_read(small_set: SmallSet) -> None:
    findings = list(check_maps([small_set.info]))
    assert {finding.level for finding in findings} == {Level.OK}
    path = next((small_set.root / "maps/expansion").glob("*.json"))
    for path in (small_set.root / "maps/expansion").glob("*.json"):
        small_set.replace(path, b"{}")
    damaged = list(check_maps([small_set.info]))
    assert {finding.level for finding in damaged} == {Level.ERROR}
    assert all(finding.where.endswith(".json") for finding in damaged)
