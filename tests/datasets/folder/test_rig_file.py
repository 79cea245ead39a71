"""Rig files: every way to write a calibration, and a line for every fault."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.calibration_values import read_numbers
from perception_kd.datasets.folder.rig import Rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.folder.sections import RigError, RigSection
from perception_kd.datasets.folder.transforms import read_transform

ROOT = Path(__file__).parents[3]
AHEAD = np.array([[0, -1, 0, 0.2], [0, 0, -1, 0], [1, 0, 0, -0.1], [0, 0, 0, 1.0]])
LIDAR2CAM = np.eye(4)
LIDAR2CAM[:3, :3] = Rotation.from_euler("xyz", [0.1, -0.2, 0.3]).as_matrix() @ AHEAD[:3, :3]
LIDAR2CAM[:3, 3] = 0.2, 0.3, -0.1
QUATERNION = Rotation.from_matrix(LIDAR2CAM[:3, :3]).as_quat().tolist()
RPY = Rotation.from_matrix(LIDAR2CAM[:3, :3]).as_euler("xyz")
TRANSLATION = LIDAR2CAM[:3, 3].tolist()


def rig_content() -> dict[str, Any]:
    return {
        "times": {"from": "names", "unit": "ns"},
        "lidar": {"files": "lidar/*.bin", "columns": ["x", "y", "z", "intensity"]},
        "cameras": {
            "front": {
                "files": "front/*.jpg",
                "intrinsics": [100, 100, 50, 40],
                "lidar2cam": LIDAR2CAM.tolist(),
            }
        },
    }


def read(folder: Path, content: Any) -> Rig:
    path = folder / "rig.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return read_rig(path)


def test_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs/your_data.md").read_text()
    rig = read(tmp_path, text.split("```yaml\n")[1].split("```")[0])
    assert [camera.direction for camera in rig.cameras] == ["lidar2cam", "cam2lidar"]
    assert rig.splits.val_share == 0.1
    assert np.allclose(rig.cameras[0].extrinsics.load(tmp_path), AHEAD)


def test_names_of_seconds_and_nanoseconds_need_no_unit(tmp_path: Path) -> None:
    content = rig_content() | {"times": {"from": "names", "pattern": "{s}_{ns}"}}
    assert read(tmp_path, content).lidar.times.pattern == "{s}_{ns}"
    with pytest.raises(RigError, match="times must have one of the keys unit, format, rate_hz"):
        read(tmp_path, rig_content() | {"times": {"from": "names", "pattern": "{time}"}})


def test_keys_of_the_documentation_are_those_of_the_parser() -> None:
    text = (ROOT / "docs/your_data.md").read_text()
    source = "".join(
        (ROOT / "perception_kd/datasets/folder" / name).read_text()
        for name in ("rig_file.py", "rig_sensors.py", "transforms.py")
    )
    for key in ("calibrated_size", "intensity_max", "scene_gap_s", "quaternion_xyzw", "guard_s"):
        assert key in text
        assert f'"{key}"' in source


@pytest.mark.parametrize(
    "written",
    [
        LIDAR2CAM.tolist(),
        LIDAR2CAM[:3].tolist(),
        LIDAR2CAM.ravel().tolist(),
        {"matrix": LIDAR2CAM.tolist()},
        {"translation": TRANSLATION, "rotation": LIDAR2CAM[:3, :3].tolist()},
        {"translation": TRANSLATION, "quaternion_xyzw": QUATERNION},
        {"translation": TRANSLATION, "quaternion_wxyz": [QUATERNION[3], *QUATERNION[:3]]},
        {"translation": TRANSLATION, "rpy_rad": RPY.tolist()},
        {"translation": TRANSLATION, "rpy_deg": np.degrees(RPY).tolist()},
        {"file": "calib.json", "key": "sensors.1.T"},
        {"file": "calib.txt", "key": "Tr"},
        {"file": "opencv.yaml", "key": "T"},
        {
            "translation": {"file": "calib.txt", "key": "t"},
            "rotation": {"file": "calib.txt", "key": "R"},
        },
        [
            {"translation": [0, 0, 0], "rotation": LIDAR2CAM[:3, :3].tolist()},
            {"translation": TRANSLATION, "quaternion_wxyz": [1, 0, 0, 0]},
        ],
    ],
)
def test_all_ways_to_write_a_transform_agree(tmp_path: Path, written: Any) -> None:
    matrix, rotation = LIDAR2CAM.ravel().tolist(), LIDAR2CAM[:3, :3].ravel()
    sensors = [{"T": np.eye(4).tolist()}, {"T": matrix}]
    (tmp_path / "calib.json").write_text(json.dumps({"sensors": sensors}) + "\n\n\n")
    lines = {"Tr": matrix[:12], "R": rotation, "t": TRANSLATION}
    text = "".join(f"{key}: {' '.join(map(str, row))}\n" for key, row in lines.items())
    (tmp_path / "calib.txt").write_text("calib_time: 09-Jan-2012 13:57:47\n" + text)
    (tmp_path / "opencv.yaml").write_text(
        f"%YAML:1.0\n---\nT: !!opencv-matrix\n   rows: 4\n   cols: 4\n   dt: d\n   data: {matrix}\n"
    )
    section = RigSection({"lidar2cam": written}, tmp_path / "rig.yaml", "cameras.front")
    found = read_transform(section, "lidar2cam").load(tmp_path)
    assert np.allclose(found, LIDAR2CAM, atol=1e-9)


def test_numbers_with_exponents_are_numbers(tmp_path: Path) -> None:
    # YAML 1.1 reads 1e-3 as text.
    section = RigSection(yaml.safe_load("k: [1e-3, -2E2, 3]"), tmp_path / "rig.yaml")
    assert read_numbers(section, "k", (3,)).load(tmp_path).tolist() == [1e-3, -200, 3]


def test_rotations_with_few_digits_are_made_exact(tmp_path: Path) -> None:
    rounded = np.round(Rotation.from_euler("xyz", [0.1, 0.2, 0.3]).as_matrix(), 3)
    section = RigSection({"a": {"translation": [0, 0, 0], "rotation": rounded.tolist()}}, tmp_path)
    rotation = read_transform(section, "a").load(tmp_path)[:3, :3]
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def change(content: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    *above, last = place.split("/")
    inner = content
    for key in above:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return content


MIRROR = np.diag([-1.0, 1, 1, 1]) @ LIDAR2CAM


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("lidars", {}, "lidars is an unknown key; did you mean 'lidar'?"),
        ("lidar", None, "lidar is missing"),
        ("lidar", [1], "lidar must be a mapping"),
        ("lidar/file", "a", "lidar.file is an unknown key; did you mean 'files'?"),
        ("lidar/columns", None, "lidar.columns is missing"),
        ("lidar/columns", ["x", "y", "intensity"], "lidar.columns has no 'z'"),
        ("lidar/columns", "xyzi", "lidar.columns must be a list of texts"),
        ("lidar/intensity", "i", "lidar.columns has no 'i'"),
        ("lidar/axes", ["forward", "backward", "up"], "lidar.axes is"),
        ("lidar/position", ["y", "x", "z"], "mirrors the points (determinant -1); name"),
        ("cameras/front/intrinsics", {"file": "../a", "key": "K"}, "must be a path within --root"),
        ("cameras/front/lidar2cam", {"file": "/a", "key": "K"}, "must be a path within --root"),
        ("poses", {"format": "tum", "of": "lidar", "file": "~/a"}, "a path within --root"),
        ("lidar/dtype", "float", "lidar.dtype is 'float'; did you mean"),
        ("lidar/files", "/data/*.bin", "lidar.files is '/data/*.bin'; it must be a path"),
        ("cameras/front/files", "{scene}/*.jpg", "must both have {scene}"),
        ("cameras/front/files", None, "cameras.front.files is missing"),
        ("cameras/front/intrinsics", None, "cameras.front.intrinsics is missing"),
        ("cameras/front/intrinsics", {"fx": 1, "fy": 1, "cx": 1}, "front.intrinsics.cy is missing"),
        ("cameras/front/intrinsics", [1, 2, 3], "must be 4 or 9 or 12 numbers"),
        ("cameras/front/lidar2cam", None, "must have one of the keys lidar2cam, cam2lidar"),
        ("cameras/front/cam2lidar", [0] * 16, "has lidar2cam and cam2lidar; keep one"),
        ("cameras/front/lidar2cam", "identity", "must be 16 or 12 numbers, but is 'identity'"),
        ("cameras/front/lidar2cam", {"quaternion": [1, 0, 0, 0]}, "'quaternion' is perhaps meant"),
        ("cameras/front/lidar2cam", {"rpy_deg": [0, 0, 0]}, "lidar2cam.translation is missing"),
        ("cameras/front/lidar2cam", {"file": "a.json"}, "lidar2cam.key is missing"),
        ("cameras/front/distortion", {"model": "opencv"}, "distortion.coefficients is missing"),
        ("cameras/front/distortion", {"model": "pinhole"}, "must be one of none, opencv, fisheye"),
        ("cameras/front/cam2ego", [0] * 16, "keep one of them"),
        ("times", None, "lidar.times is missing"),
        ("times/unit", "sec", "times.unit is 'sec'"),
        ("times/unit", None, "must have one of the keys unit, format, rate_hz"),
        ("times/pattern", "scan", "times.pattern is 'scan'; it must have {time}"),
        ("times/from", "name", "did you mean 'names'?"),
        ("frames", {"tolerance_s": "5 ms"}, "frames.tolerance_s is '5 ms'; it must be a number"),
        ("frames", {"tolerance": 1}, "did you mean 'tolerance_s'?"),
        ("poses", {"format": "tum", "of": "lidar"}, "poses.file is missing"),
        ("poses", {"format": "tum", "of": "imu", "file": "a"}, "one of lidar, ego, body, front"),
        ("poses", {"format": "tum", "of": "ego", "file": "a"}, "but poses.of needs it"),
        ("splits", {"val_share": 2}, "splits.val_share is 2; it must be a number, 0.01 .. 0.9"),
        ("splits", {"train": "a"}, "splits.train must be a list of texts"),
    ],
)
def test_faults_are_named_by_file_and_key(
    tmp_path: Path, place: str, value: Any, words: str
) -> None:
    with pytest.raises(RigError) as caught:
        read(tmp_path, change(rig_content(), place, value))
    assert words in str(caught.value)
    assert str(tmp_path / "rig.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("axes", [["right", "forward", "up"], ["right", "down", "forward"]])
def test_axes_of_usual_frames_are_taken(tmp_path: Path, axes: list[str]) -> None:
    content = change(rig_content(), "lidar/axes", axes)
    content["lidar"]["position"] = ["y", "z", "x"]
    content["lidar"]["columns"] = ["y", "z", "x", "intensity"]
    assert read(tmp_path, content).lidar.axes == tuple(axes)


def test_angles_in_degrees_are_not_taken_for_radians(tmp_path: Path) -> None:
    angles = {"translation": TRANSLATION, "rpy_rad": [-90, 0, -90]}
    rig = read(tmp_path, change(rig_content(), "cameras/front/lidar2cam", angles))
    with pytest.raises(RigError, match=r"90 rad, more than a full turn; rename it to rpy_deg"):
        rig.cameras[0].extrinsics.load(tmp_path)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (2 * LIDAR2CAM, "must end with the row 0, 0, 0, 1"),
        (LIDAR2CAM[:3] * [[2], [2], [2]], "has no rotation: its rows must be of length 1"),
        (MIRROR, "has a reflection in place of a rotation (determinant -1)"),
    ],
)
def test_matrices_that_are_no_transform_are_refused(
    tmp_path: Path, matrix: Any, words: str
) -> None:
    rig = read(tmp_path, change(rig_content(), "cameras/front/lidar2cam", matrix.tolist()))
    with pytest.raises(RigError) as caught:
        rig.cameras[0].extrinsics.load(tmp_path)
    assert words in str(caught.value)
    assert f"{tmp_path / 'rig.yaml'}: cameras.front.lidar2cam" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "is not YAML, line"),
        ("a: 1\na: 2", "the key a occurs twice"),
        ("", "the file must be a mapping"),
        ("- 1", "the file must be a mapping"),
        ("\x00", "is not YAML"),
    ],
)
def test_files_that_are_no_rig_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RigError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path / "rig.yaml") in str(caught.value)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"file": "no.json", "key": "K"}, "No calibration at"),
        ({"file": "a.json", "key": "k"}, "which has no key 'k': did you mean 'K'? it has K"),
        ({"file": "a.json", "key": "K"}, "which must be 4 numbers, but is [1, 'x']"),
        ({"file": "b.json", "key": "K"}, "is neither JSON nor YAML"),
    ],
)
def test_faults_of_calibration_files_name_both_files(
    tmp_path: Path, written: Any, words: str
) -> None:
    (tmp_path / "a.json").write_text('{"K": [1, "x"]}')
    (tmp_path / "b.json").write_text('{"K": [1, ')
    section = RigSection({"intrinsics": written}, tmp_path / "rig.yaml", "cameras.front")
    with pytest.raises((RigError, FileNotFoundError)) as caught:
        read_numbers(section, "intrinsics", (4,)).load(tmp_path)
    assert words in str(caught.value)
    assert written["file"] in str(caught.value)
    assert f"{tmp_path / 'rig.yaml'}: cameras.front.intrinsics" in str(caught.value)
