"""Wrong values of an info file are found when it is loaded, with sample and field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from tests.datasets.small_dataset import CAM2IMG, HEIGHT, WIDTH, make_small_dataset

NAN, INF = float("nan"), float("inf")
Entry = dict[str, Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_dataset(tmp_path_factory.mktemp("small"), num_scenes=2)


def load_edited(root: Path, folder: Path, edit: Callable[[Entry], Any]) -> CameraLidarDataset:
    """Load the data set with its third sample edited."""
    info = read_info(root / "infos.pkl")
    edit(info["data_list"][2])
    write_info(folder / "infos.pkl", info["metainfo"], info["data_list"])
    return CameraLidarDataset(
        "infos.pkl", data_root=str(root), info_root=str(folder), with_boxes=True
    )


def put(path: str, value: Any) -> Callable[[Entry], None]:
    """Return an edit that sets a field, such as "images.CAM_BACK.cam2img"."""
    *parents, last = path.split(".")

    def edit(entry: Any) -> None:
        for name in parents:
            entry = entry[int(name) if name.isdigit() else name]
        entry[last] = value

    return edit


SINGULAR = np.diag([1.0, 1, 0, 1]).tolist()
FAR = np.array([[1, 0, 0, 1e30], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]).tolist()
SCALED = np.diag([1e30, 1e30, 1e30, 1]).tolist()
BROKEN = np.full((4, 4), NAN).tolist()

FAULTS = [
    ("token", "../../a", "token is '../../a'"),
    ("token", "/etc/a", "token is '/etc/a'"),
    ("token", 5, "token must be a str"),
    ("scene_name", None, "scene_name must be a str"),
    ("location", "../../maps", "location is"),
    ("lidar_points", [], "lidar_points must be a dict"),
    ("lidar_points.timestamp", "12.5", "timestamp must be a finite number, but is '12.5'"),
    ("lidar_points.timestamp", NAN, "timestamp must be a finite number, but is nan"),
    ("lidar_points.timestamp", 10**400, "timestamp must be a finite number, but is 1000"),
    ("lidar_sweeps.0.timestamp", 10**400, r"lidar_sweeps\[0\].timestamp must be a finite"),
    ("lidar_points.timestamp", 1.5e18, r"timestamp must be in s"),
    ("lidar_points.num_pts_feats", 3, r"num_pts_feats must be an integer in 4 \.\. 64"),
    ("lidar_points.num_pts_feats", 10**12, r"num_pts_feats must be an integer in 4 \.\. 64"),
    ("lidar_points.num_pts_feats", "5", r"num_pts_feats must be an integer"),
    ("lidar_points.lidar_path", "", "lidar_path must be the path of a file"),
    ("lidar_points.lidar2ego", BROKEN, "lidar_points.lidar2ego must be a rotation"),
    ("lidar_points.ego2global", SINGULAR, "lidar_points.ego2global must be a rotation"),
    ("lidar_points.ego2global", [[1.0]], "ego2global must be 4x4 numbers"),
    ("ego2global", BROKEN, "ego2global differs from ego2global of lidar_points"),
    ("ego2global", np.eye(4).tolist(), "ego2global differs from ego2global of lidar_points"),
    ("lidar_points.sample_data_token", "../b", "sample_data_token is '../b'"),
    ("images", "none", "images must be a dict"),
    ("images.CAM_BACK.lidar2cam", BROKEN, "lidar2cam of images must be a rotation"),
    ("images.CAM_BACK.lidar2cam", SINGULAR, "lidar2cam of images must be a rotation"),
    ("images.CAM_BACK.lidar2cam", SCALED, "lidar2cam of images must be a rotation"),
    ("images.CAM_BACK.lidar2cam", FAR, "lidar2cam of images must be a rotation"),
    ("images.CAM_BACK.cam2img", np.zeros((3, 3)), "cam2img of images must be intrinsics"),
    ("images.CAM_BACK.cam2img", np.full((3, 3), INF), "cam2img of images must be intrinsics"),
    ("images.CAM_BACK.cam2img", [["a"] * 3] * 3, "images.CAM_BACK.cam2img must be 3x3 numbers"),
    ("images.CAM_BACK.cam2img", [[1, 2], [3]], "images.CAM_BACK.cam2img must be 3x3 numbers"),
    ("images.CAM_BACK.img_path", None, "images.CAM_BACK.img_path must be a str"),
    ("images.CAM_BACK.height", 0, "images.CAM_BACK.height must be an integer"),
    ("lidar_sweeps", 5, "lidar_sweeps must be a list"),
    ("lidar_sweeps.1.sweep2lidar", BROKEN, "sweep2lidar of lidar_sweeps must be a rotation"),
    ("lidar_sweeps.1.timestamp", NAN, r"lidar_sweeps\[1\].timestamp must be a finite number"),
    ("lidar_sweeps.1.timestamp", -9e3, "timestamp of lidar_sweeps must be within 60 s"),
    ("instances", 5, "instances must be boxes"),
    ("instances.1.bbox_3d", [0.0] * 6, "instances must be boxes with 7 numbers"),
    ("instances.1.bbox_3d", [1, 2, 3, 4, 2, 1, NAN], "instances: a box must have finite values"),
    ("instances.1.bbox_3d", [1, 2, 3, -4, 2, 1, 0], "instances: .* positive sizes"),
    ("instances.1.bbox_3d", [1, 2, 3, 4, NAN, 1, 0], "instances: a box must have finite values"),
    ("instances.1.velocity", [INF, 0], "instances: a box must have finite values"),
    ("instances.1.bbox_label_3d", 99, "bbox_label_3d of a box is 99"),
    ("instances.1.bbox_label_3d", "car", "bbox_label_3d of a box is 'car'"),
    ("instances.1.bbox_3d_isvalid", "no", "bbox_3d_isvalid of a box must be a bool"),
    ("instances.1.num_lidar_pts", -5, "instances: .* number of points, but has .* -5 points"),
    ("instances.1.num_lidar_pts", "many", "instances must be boxes"),
]


@pytest.mark.parametrize(("field", "value", "message"), FAULTS)
def test_a_wrong_field_is_named(
    root: Path, tmp_path: Path, field: str, value: Any, message: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"infos\.pkl, sample 2 .*{message}.*; make it with: make"
    ):
        load_edited(root, tmp_path, put(field, value))


@pytest.mark.parametrize(
    "field",
    ["token", "scene_name", "scene_token", "lidar_points", "lidar_points.ego2global"]
    + [f"images.CAM_FRONT.{name}" for name in ("lidar2cam", "cam2img", "img_path")]
    + ["lidar_sweeps.0.sweep2lidar", "lidar_sweeps.0.lidar_points", "instances.0.bbox_3d"],
)
def test_a_missing_field_is_named(root: Path, tmp_path: Path, field: str) -> None:
    *parents, last = field.split(".")

    def remove(entry: Any) -> None:
        for name in parents:
            entry = entry[int(name) if name.isdigit() else name]
        del entry[last]

    with pytest.raises(ValueError, match=rf"infos\.pkl, sample 2 .*{last}.* is missing"):
        load_edited(root, tmp_path, remove)


def test_two_samples_of_one_token_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sample 2 \('0-0'\): token is that of an earlier"):
        load_edited(root, tmp_path, put("token", "0-0"))


def test_an_unknown_velocity_is_zero(root: Path, tmp_path: Path) -> None:
    dataset = load_edited(root, tmp_path, put("instances.1.velocity", [NAN, NAN]))
    assert dataset[2]["instances"]["bboxes_3d"][1, 7:].tolist() == [0, 0]


def test_an_absent_camera_is_an_absent_view(root: Path, tmp_path: Path) -> None:
    dataset = load_edited(root, tmp_path, lambda entry: entry["images"].pop("CAM_FRONT"))
    assert dataset[1]["cam_names"] == ["CAM_FRONT", "CAM_BACK"]
    assert dataset[2]["cam_names"] == ["CAM_BACK"]
    assert len(dataset[2]["lidar2cam"]) == 1


@pytest.mark.parametrize(
    ("scale", "message"), [(1e-6, "has a focal length fx of"), (3.0, "has its principal point")]
)
def test_intrinsics_are_those_of_images_of_this_size(
    root: Path, tmp_path: Path, scale: float, message: str
) -> None:
    def edit(entry: Entry) -> None:
        view = entry["images"]["CAM_BACK"]
        view["height"], view["width"] = HEIGHT, WIDTH
        view["cam2img"] = (np.array(CAM2IMG) * [[scale], [scale], [1.0]]).tolist()

    with pytest.raises(ValueError, match=rf"sample 2 .*: cam2img of images {message}"):
        load_edited(root, tmp_path, edit)
