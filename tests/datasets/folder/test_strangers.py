"""Recordings of strangers, one change each: right samples, or one clear line."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.datasets.transforms import LoadPoints
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array
from tests.datasets.folder.drives import write_pcd
from tests.datasets.folder.test_propose_layouts import (
    CAM2IMG,
    MOUNTS,
    assert_calibrated,
    mount,
    numbers,
)

TIMES = 1_533_151_603 + 0.1 * np.arange(4)
TWO = {name: MOUNTS[name] for name in ("front", "left")}
Content = dict[str, Any]
Change = Callable[[Path, Content], None]


def make_points(place: int) -> Any:
    """Return x, y, z, intensity, ring of a sweep, (N, 5)."""
    rng = np.random.default_rng(place)
    points = np.zeros((1500, 5), np.float32)
    points[:, :3] = rng.uniform([-40, -40, -2], [40, 40, 2], (1500, 3))
    points[:, 3] = rng.integers(0, 256, 1500)
    points[:, 4] = rng.integers(0, 32, 1500)
    return points


def name_of(place: int) -> str:
    return f"{round(TIMES[place] * 1e6)}"


def write_drive(root: Path, mounts: dict[str, Array] = TWO) -> Path:
    """Write a plain recording of two cameras and its rig file."""
    for place in range(len(TIMES)):
        path = root / "lidar" / f"{name_of(place)}.pcd"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pcd(path, make_points(place))
        for name in mounts:
            path = root / name / f"{name_of(place)}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), np.full((48, 64, 3), 40 + place, np.uint8))
    for name, matrix in mounts.items():
        content = {"K": CAM2IMG.tolist(), "T": matrix.tolist()}
        (root / f"{name}.json").write_text(json.dumps(content))
    return root


def rig_content() -> Content:
    return {
        "times": {"from": "names", "unit": "us"},
        "lidar": {"files": "lidar/*.pcd", "intensity_max": 255},
        "cameras": {
            name: {
                "files": f"{name}/*.png",
                "intrinsics": {"file": f"{name}.json", "key": "K"},
                "lidar2cam": {"file": f"{name}.json", "key": "T"},
            }
            for name in TWO
        },
    }


def rename(folder: Path, form: Callable[[int], str], suffix: str = "") -> None:
    """Rename the files of a folder by their places."""
    for place, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"{form(place)}{suffix or path.suffix}")


def convert(root: Path, content: Content) -> list[Any]:
    (root / "rig.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return read(root)


def read(root: Path) -> list[Any]:
    out = root.parent / "out"
    convert_folder(root, out_dir=out, progress=False, workers=0)
    steps = [LoadPoints()]
    return list(CameraLidarDataset("folder_infos_train.pkl", str(root), str(out), pipeline=steps))


def check(samples: list[Any], mounts: dict[str, Array] = TWO, first: float = TIMES[0]) -> None:
    assert len(samples) == len(TIMES)
    for place, sample in enumerate(samples):
        assert sample["timestamp"] == pytest.approx(first + 0.1 * place, abs=2e-6)
        np.testing.assert_allclose(sample["points"][:, :4], make_points(place)[:, :4], atol=2e-3)
        assert_calibrated(sample, mounts)


def no_padding(root: Path, rig: Content) -> None:
    for folder in ("lidar", *TWO):
        rename(root / folder, lambda place: f"frame{8 + place}")
    rig["times"] = {"from": "names", "pattern": "frame{time}", "rate_hz": 10}
    for sensor in (rig["lidar"], *rig["cameras"].values()):
        sensor["times"] = rig["times"] | {"offset_s": float(TIMES[0]) - 0.8}


def upper_case(root: Path, rig: Content) -> None:
    rename(root / "lidar", name_of, ".PCD")
    rename(root / "front", name_of, ".PNG")
    rig["lidar"]["files"] = "lidar/*.PCD"
    rig["cameras"]["front"]["files"] = "front/*.PNG"


def one_folder(root: Path, rig: Content) -> None:
    for name in TWO:
        for path in (root / name).iterdir():
            path.rename(root / "lidar" / f"{name}-{path.name}")
        camera = rig["cameras"][name]
        camera["files"] = f"lidar/{name}-*.png"
        camera["times"] = {"from": "names", "pattern": f"{name}-{{time}}", "unit": "us"}


def deep_folders(root: Path, rig: Content) -> None:
    for place, path in enumerate(sorted((root / "lidar").iterdir())):
        (root / "lidar" / f"part {place // 2}").mkdir(exist_ok=True)
        path.rename(root / "lidar" / f"part {place // 2}" / path.name)
    rig["lidar"]["files"] = "lidar/**/*.pcd"


def umlauts(root: Path, rig: Content) -> None:
    (root / "lidar").rename(root / "Größe 1 + Lidar")
    (root / "front").rename(root / "Köln & (1)")
    rig["lidar"]["files"] = "Größe 1 + Lidar/*.pcd"
    rig["cameras"]["front"]["files"] = "Köln & (1)/*.png"


def decomposed_umlauts(root: Path, rig: Content) -> None:
    """Names as a Mac writes them, and a rig file from another machine."""
    name = "Köln"
    (root / "front").rename(root / unicodedata.normalize("NFD", name))
    rig["cameras"]["front"]["files"] = f"{unicodedata.normalize('NFC', name)}/*.png"


def links(root: Path, rig: Content) -> None:
    (root / "lidar").rename(root.parent / "disk")
    (root / "lidar").symlink_to(root.parent / "disk", target_is_directory=True)
    (root / "left").rename(root.parent / "left")
    (root / "left").symlink_to(root.parent / "left", target_is_directory=True)


def deep_links(root: Path, rig: Content) -> None:
    links(root, rig)
    rig["lidar"]["files"] = "**/*.pcd"


def windows_lines(root: Path, rig: Content) -> None:
    for name, matrix in TWO.items():
        text = f"K: {numbers(CAM2IMG)}\r\nT: {numbers(matrix)}\r\n"
        (root / f"{name}.json").write_bytes(text.encode())
    rows = [f"{name_of(place)}.pcd;{TIMES[place]:.6f}\r\n" for place in range(len(TIMES))]
    (root / "times.csv").write_bytes(("\ufeffName;Zeit\r\n" + "".join(rows)).encode())
    rig["lidar"]["times"] = {
        "from": "csv",
        "file": "times.csv",
        "time_column": "Zeit",
        "name_column": "Name",
        "unit": "s",
    }


def byte_order_marks(root: Path, rig: Content) -> None:
    for path in root.glob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def csv_without_head(root: Path, rig: Content) -> None:
    rows = [f"{round(time * 1e9)},x\n" for time in TIMES]
    (root / "left.csv").write_text("".join(rows))
    times = {"from": "csv", "file": "left.csv", "time_column": 0, "unit": "ns"}
    rig["cameras"]["left"]["times"] = times


def other_clock(root: Path, rig: Content) -> None:
    rename(root / "left", lambda place: f"{TIMES[place] - 37.0:.6f}")
    times = {"from": "names", "unit": "s", "offset_s": 37.0}
    rig["cameras"]["left"]["times"] = times


def dates(root: Path, rig: Content) -> None:
    rename(root / "front", lambda place: f"2018-08-01_19-26-43.{100 * place:03d}000")
    times = {"from": "names", "format": "%Y-%m-%d_%H-%M-%S.%f"}
    rig["cameras"]["front"]["times"] = times


def quaternions(root: Path, rig: Content) -> None:
    for name, key, shift in (("front", "quaternion_wxyz", 1), ("left", "quaternion_xyzw", 0)):
        matrix = TWO[name]
        turn = np.roll(Rotation.from_matrix(matrix[:3, :3]).as_quat(), shift)
        value = {"translation": matrix[:3, 3].tolist(), key: (-turn).tolist()}
        rig["cameras"][name]["lidar2cam"] = value


def angles(root: Path, rig: Content) -> None:
    for name, key in (("front", "rpy_deg"), ("left", "rpy_rad")):
        inverse = invert_rigid(TWO[name])
        turn = Rotation.from_matrix(inverse[:3, :3]).as_euler("xyz", degrees=key == "rpy_deg")
        camera = rig["cameras"][name]
        del camera["lidar2cam"]
        camera["cam2lidar"] = {"translation": inverse[:3, 3].tolist(), key: turn.tolist()}


def ascii_clouds(root: Path, rig: Content) -> None:
    for place in range(len(TIMES)):
        rows = make_points(place)
        head = (
            "# .PCD v0.7\nVERSION 0.7\nFIELDS intensity z y x _ ring\nSIZE 4 4 4 4 1 2\n"
            f"TYPE F F F F U U\nCOUNT 1 1 1 1 2 1\nWIDTH {len(rows)}\nHEIGHT 1\n"
            f"VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(rows)}\nDATA ascii\n"
        )
        lines = (f"{i:g} {z:.7g} {y:.7g} {x:.7g} 0 0 {r:g}\r\n" for x, y, z, i, r in rows)
        (root / "lidar" / f"{name_of(place)}.pcd").write_text(head + "".join(lines))


def named_arrays(root: Path, rig: Content) -> None:
    for place in range(len(TIMES)):
        points = make_points(place).astype(np.float64)
        path = root / "lidar" / f"{name_of(place)}.npz"
        columns = dict(zip(("X", "Y", "Z"), 1000 * points.T[:3], strict=True))
        np.savez(path, reflectivity=points[:, 3] * 257, **columns)
    rig["lidar"] |= {"files": "lidar/*.npz", "position": ["X", "Y", "Z"], "unit": "mm"}
    rig["lidar"] |= {"intensity": "reflectivity", "intensity_max": 65535}


def laz_clouds(root: Path, rig: Content) -> None:
    laspy = pytest.importorskip("laspy")
    for place in range(len(TIMES)):
        points = make_points(place)
        las = laspy.create(point_format=6, file_version="1.4")
        las.header.scales, las.header.offsets = [0.001] * 3, [0.0] * 3
        las.x, las.y, las.z = points[:, :3].astype(float).T
        las.intensity = points[:, 3].astype(np.uint16)
        las.write(str(root / "lidar" / f"{name_of(place)}.laz"))
    rig["lidar"]["files"] = "lidar/*.laz"


def raw_doubles(root: Path, rig: Content) -> None:
    for place in range(len(TIMES)):
        x, y, z, intensity, ring = make_points(place).astype(np.float64).T
        rows = np.stack([ring, y, -x, z, intensity / 255, np.full_like(x, 0.05)], axis=1)
        rows.tofile(root / "lidar" / f"{name_of(place)}.bin")
    rig["lidar"] |= {"files": "lidar/*.bin", "dtype": "float64", "intensity_max": 1}
    rig["lidar"]["columns"] = ["ring", "x", "y", "z", "intensity", "t"]
    rig["lidar"]["axes"] = ["left", "backward", "up"]
    stored = np.eye(4)
    stored[:2, :2] = [[0, -1], [1, 0]]  # from stored axes to those of the info file
    for name, matrix in TWO.items():
        rig["cameras"][name]["lidar2cam"] = (matrix @ stored).tolist()


def in_vehicle(root: Path, rig: Content) -> None:
    lidar2ego = make_rigid(Rotation.from_euler("z", 5, degrees=True).as_matrix(), np.ones(3))
    rig["lidar"]["lidar2ego"] = lidar2ego.tolist()
    for name, matrix in TWO.items():
        del rig["cameras"][name]["lidar2cam"]
        rig["cameras"][name]["cam2ego"] = (lidar2ego @ invert_rigid(matrix)).ravel().tolist()


def other_size(root: Path, rig: Content) -> None:
    double = CAM2IMG.copy()
    double[:2] *= 2
    double[:2, 2] += 0.5
    rig["cameras"]["front"] |= {"intrinsics": double.tolist(), "calibrated_size": [128, 96]}


def gray_images(root: Path, rig: Content) -> None:
    for path in (root / "front").iterdir():
        cv2.imwrite(str(path), np.full((48, 64), 80, np.uint8))


def broken_points(root: Path, rig: Content) -> None:
    for place in range(len(TIMES)):
        points = np.concatenate([make_points(place), np.full((9, 5), np.nan, np.float32)])
        write_pcd(root / "lidar" / f"{name_of(place)}.pcd", points)


def brackets(root: Path, rig: Content) -> None:
    (root / "front").rename(root / "front[1]")
    rig["cameras"]["front"]["files"] = "front[[]1]/*.png"


def fields_of_other_sensors(root: Path, rig: Content) -> None:
    """Hidden files, thumbnails and a note beside the images."""
    (root / "lidar" / f"._{name_of(0)}.pcd").write_bytes(b"0")
    (root / "left" / "Thumbs.db").write_bytes(b"0")
    (root / "left" / "note.txt").write_text("rain")


@pytest.mark.parametrize(
    "change",
    [
        no_padding,
        upper_case,
        one_folder,
        deep_folders,
        umlauts,
        decomposed_umlauts,
        links,
        deep_links,
        windows_lines,
        byte_order_marks,
        csv_without_head,
        other_clock,
        dates,
        quaternions,
        angles,
        ascii_clouds,
        named_arrays,
        laz_clouds,
        raw_doubles,
        in_vehicle,
        other_size,
        gray_images,
        broken_points,
        brackets,
        fields_of_other_sensors,
    ],
)
def test_samples_are_those_of_the_plain_recording(tmp_path: Path, change: Change) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    change(root, rig)
    check(convert(root, rig))


def test_a_rig_file_of_windows_is_read(tmp_path: Path) -> None:
    root = write_drive(tmp_path / "drive")
    text = yaml.safe_dump(rig_content()).replace("\n", "\r\n")
    (root / "rig.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    check(read(root))


@pytest.mark.parametrize(
    ("first", "step", "expected"),
    [(2, 1, [0, 0, 1, 1]), (0, 2, [1, 0, 1, 0]), (3, 1, [0, 0, 0, 1])],
)
def test_a_camera_that_starts_late_or_is_slow_has_fewer_views(
    tmp_path: Path, first: int, step: int, expected: list[int]
) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    for place in {*range(4)} - {*range(first, 4, step)}:
        (root / "left" / f"{name_of(place)}.png").unlink()
    rig["frames"] = {"max_missing": 0.8}
    samples = convert(root, rig)
    assert [sample["cam_names"].count("left") for sample in samples] == expected
    assert all("front" in sample["cam_names"] for sample in samples)


def test_drives_have_calibrations_of_their_own(tmp_path: Path) -> None:
    rig = rig_content()
    other = {"front": mount(-4), "left": mount(70)}
    for drive, mounts in (("day 1", TWO), ("day 2", other)):
        write_drive(tmp_path / "drives" / drive, mounts)
    rig["lidar"]["files"] = "{scene}/lidar/*.pcd"
    for name, camera in rig["cameras"].items():
        camera["files"] = f"{{scene}}/{name}/*.png"
        for key in ("intrinsics", "lidar2cam"):
            camera[key]["file"] = f"{{scene}}/{name}.json"
    samples = convert(tmp_path / "drives", rig)
    assert len(samples) == 8
    for place, sample in enumerate(samples):
        assert_calibrated(sample, TWO if place < 4 else other)


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [
        ("opencv", [-0.1, 0.01, 0.001, -0.001]),
        ("opencv", [-0.1, 0.01, 0.001, -0.001, 0.002]),
        ("opencv", [-0.1, 0.01, 0.001, -0.001, 0.002, 0.01, 0.002, 0.001]),
        ("opencv", [-0.1, 0.01, 0.001, -0.001, 0.002, 0.0, 0.0, 0.0, 0.01, -0.02, 0.0, 0.01]),
        ("fisheye", [-0.02, 0.01, 0.001, -0.001]),
    ],
)
def test_straight_edges_are_where_points_fall(
    tmp_path: Path, model: str, coefficients: list[float]
) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    ray = np.array([[0.31, 0.22, 1.0]])
    project = cv2.fisheye.projectPoints if model == "fisheye" else cv2.projectPoints
    place = project(ray[None], np.zeros(3), np.zeros(3), CAM2IMG, np.array(coefficients))[0]
    spot = np.zeros((48, 64, 3), np.uint8)
    x, y = np.round(np.ravel(place)).astype(int)
    spot[y - 1 : y + 2, x - 1 : x + 2] = 255
    for path in (root / "front").iterdir():
        cv2.imwrite(str(path), spot)
    rig["cameras"]["front"]["distortion"] = {"model": model, "coefficients": coefficients}
    sample = convert(root, rig)[0]
    (image,) = sorted((tmp_path / "out").rglob(f"*{name_of(0)}.jpg"))
    rows, cols = np.nonzero(cv2.imread(str(image))[:, :, 0] > 128)
    expected = sample["cam2img"][sample["cam_names"].index("front")] @ ray[0]
    assert abs(cols.mean() - expected[0]) < 1.2
    assert abs(rows.mean() - expected[1]) < 1.2


def test_a_camera_mounted_on_its_side_is_taken_if_told(tmp_path: Path) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    turned = make_rigid(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.zeros(3))
    rig["cameras"]["front"]["lidar2cam"] = (turned @ TWO["front"]).tolist()
    rig["cameras"]["front"]["turned"] = True
    check(convert(root, rig), TWO | {"front": turned @ TWO["front"]})


def test_images_of_16_bits_are_refused_in_one_line(tmp_path: Path) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    for path in (root / "front").iterdir():
        cv2.imwrite(str(path), np.full((48, 64), 8000, np.uint16))
    with pytest.raises(ValueError, match="more than 8 bits per channel; convert") as caught:
        convert(root, rig)
    assert "front" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["matrix", "quaternion_xyzw", "quaternion_wxyz", "rpy_deg"])
@pytest.mark.parametrize("direction", ["lidar2cam", "cam2lidar"])
def test_inverted_extrinsics_are_asked_for(tmp_path: Path, form: str, direction: str) -> None:
    name = "left" if form == "matrix" else "front"
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    right = direction == "cam2lidar"
    matrix = TWO[name] if right else invert_rigid(TWO[name])
    turn, value = Rotation.from_matrix(matrix[:3, :3]), matrix[:3, 3].tolist()
    rotations = {
        "quaternion_xyzw": turn.as_quat(),
        "quaternion_wxyz": np.roll(turn.as_quat(), 1),
        "rpy_deg": turn.as_euler("xyz", degrees=True),
    }
    camera = rig["cameras"][name]
    del camera["lidar2cam"]
    camera[direction] = (
        matrix.tolist()
        if form == "matrix"
        else {"translation": value, form: rotations[form].tolist()}
    )
    other = "lidar2cam" if right else "cam2lidar"
    with pytest.raises(ValueError, match=rf"cameras\.{name}\.{direction}: is this {other}\?"):
        convert(root, rig)


def test_a_solid_state_lidar_needs_no_rings(tmp_path: Path) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    rng = np.random.default_rng(0)
    left, up = np.radians(rng.uniform([-60, -12], [60, 12], (6000, 2))).T
    reach = np.minimum(1.8 / np.tan(np.maximum(-up, 1e-3)), rng.uniform(20, 60, 6000))
    points = np.stack(
        [reach * np.cos(left), reach * np.sin(left), reach * np.tan(up), rng.uniform(0, 255, 6000)],
        axis=1,
    ).astype(np.float32)
    for place in range(len(TIMES)):
        points.tofile(root / "lidar" / f"{name_of(place)}.bin")
    rig["lidar"] |= {"files": "lidar/*.bin", "columns": ["x", "y", "z", "intensity"]}
    for sample in convert(root, rig):
        np.testing.assert_array_equal(sample["points"][:, :4], points)
        assert_calibrated(sample, TWO)


def make_poses() -> list[Array]:
    """Return ``lidar2global`` of the sweeps: a curve, 1 m a sweep."""
    turns = [Rotation.from_euler("z", 2 * i, degrees=True).as_matrix() for i in range(4)]
    return [make_rigid(turn, np.array([1.0 * i, 0.02 * i, 0])) for i, turn in enumerate(turns)]


@pytest.mark.parametrize("form", ["tum", "kitti", "csv"])
def test_poses_of_any_format_move_the_vehicle(tmp_path: Path, form: str) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    poses = make_poses()
    rig["poses"] = {"format": form, "file": "poses.txt", "of": "lidar"}
    rows = []
    for time, pose in zip(TIMES, poses, strict=True):
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
        values = [*pose[:3, 3], x, y, z, w]
        if form == "csv":
            rows.append(";".join(map(repr, map(float, [*values, round(time * 1e3)]))))
        else:
            rows.append(
                numbers(pose[:3]) if form == "kitti" else f"{time:.6f} {numbers(np.array(values))}"
            )
    if form == "csv":
        names = ("x", "y", "z", "qx", "qy", "qz", "qw", "time")
        rig["poses"] |= {"unit": "ms", "columns": {name: i for i, name in enumerate(names)}}
    (root / "poses.txt").write_bytes("\r\n".join(rows).encode())
    samples = convert(root, rig)
    for sample, pose in zip(samples, poses, strict=True):
        expected = invert_rigid(poses[0]) @ pose
        found = invert_rigid(samples[0]["ego2global"]) @ sample["ego2global"]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_proposal_follows_links_and_quotes_brackets(tmp_path: Path) -> None:
    root, rig = write_drive(tmp_path / "drive"), rig_content()
    links(root, rig)
    (root / "front").rename(root / "front [1]")
    (root / "again").symlink_to(root, target_is_directory=True)
    (root / "front.json").rename(root / "front_1.json")
    propose_rig(root)
    samples = read(root)
    assert sorted(samples[0]["cam_names"]) == ["front__1_", "left"]
    assert len(samples) == len(TIMES)
