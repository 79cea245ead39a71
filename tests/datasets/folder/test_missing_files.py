"""Files that a recording lacks: a remark, a warning from 5 % on, an error if most."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from perception_kd.datasets.conversion import Absence, Converted
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import FrameFiles, Recording, make_frames
from perception_kd.datasets.folder.pairs import check_pairs, find_gaps
from perception_kd.datasets.folder.rig import Camera, Frames, Lidar, Rig, Times
from perception_kd.datasets.folder.sections import RigError
from perception_kd.io.info_file import read_info
from perception_kd.structures import Array
from tests.datasets.folder.drives import make_drive
from tests.fake_data import make_nuscenes


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("missing") / "nuscenes"
    make_nuscenes(root, img_size=(90, 160), num_azimuths=72)
    return make_drive(root, root.parent / "drive")


@pytest.fixture
def root(drive: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(drive, tmp_path / "drive"))


def convert(root: Path) -> Converted:
    return convert_folder(root, out_dir=root.parent / "out", progress=False, workers=0)


def files(name: str, times: Array) -> list[SensorFile]:
    return [SensorFile(f"{name}/{i:03d}", time) for i, time in enumerate(times.tolist())]


def pair(sweeps: Array, images: Array, **settings: Any) -> tuple[list[Absence], list[FrameFiles]]:
    """Return what frames of a LiDAR and a camera "left" lack, and the frames."""
    times = Times("names")
    numbers: Any = None
    left = Camera("left", "left/*", times, numbers, "lidar2cam", numbers)
    frames = Frames(**settings)
    rig = Rig(Path("rig.yaml"), Lidar("lidar/*", times), (left,), frames)
    recording = Recording("", files("lidar", sweeps), {"left": files("left", images)})
    made = make_frames(recording, frames, "drive")
    made, found = check_pairs(rig, [recording], made)
    return found + find_gaps(rig, [recording]), made


def test_half_of_the_images_missing_is_one_line(root: Path) -> None:
    for path in sorted(root.glob("scene-0061/images L/*")):
        path.unlink()
    lines = [x for x in convert(root).warnings if "cameras.L.files" in x]
    assert len(lines) == 1
    assert "2 of 4 frames have no image within 0.06 s and one view less" in lines[0]
    assert lines[0].count("scene-0061/cloud/") == 2


def test_most_images_missing_is_an_error(root: Path) -> None:
    for path in sorted(root.glob("*/images L/*"))[:-1]:
        path.unlink()
    with pytest.raises(RigError, match=r"rig\.yaml: cameras\.L\.files: 3 of 4 frames") as caught:
        convert(root)
    assert "leave the camera out, or raise frames.max_missing, 0.5." in str(caught.value)
    path = root / "rig.yaml"
    content = yaml.safe_load(path.read_text())
    content["frames"]["max_missing"] = 0.8
    path.write_text(yaml.safe_dump(content))
    assert convert(root).num_samples == {"train": 4}


@pytest.mark.parametrize(("lost", "is_much"), [(4, False), (5, True)])
def test_a_warning_begins_at_five_percent(lost: int, is_much: bool) -> None:
    times = np.arange(100) * 0.1
    absences, _ = pair(times, times[lost:])
    converted = Converted()
    converted.add_absences(absences)
    assert len(converted.warnings) == int(is_much)
    assert len(converted.remarks) == int(not is_much)
    (text,) = converted.warnings or converted.remarks
    assert f"cameras: {lost} of 100 frames have no image within 0.05 s and are left out" in text
    assert "such as those of lidar/000, lidar/001, lidar/002." in text


def test_a_slower_camera_is_no_error() -> None:
    times = np.arange(100) * 0.1
    (absence,), _ = pair(times, times[::5] + 0.01)
    assert "there is an image every 0.5 s only; frames.every_s: 0.5 makes" in absence.text
    for images in (times[:20], np.sort(np.random.default_rng(0).choice(times, 20, replace=False))):
        with pytest.raises(RigError, match="leave the camera out"):
            pair(times, images)


def test_thinned_frames_are_those_with_images() -> None:
    times = np.arange(100) * 0.1
    absences, frames = pair(times, times[3::5], every_s=0.5)
    assert not absences
    assert [frame.sweep.path for frame in frames[:3]] == ["lidar/003", "lidar/008", "lidar/013"]


def test_sweeps_that_are_all_scenes_are_a_line() -> None:
    times = np.arange(10) * 100.0  # ms that are read as s
    (absence,), _ = pair(times, times)
    assert "the sweeps are 100 s apart, so each of them is a scene" in absence.text
    assert "correct times (unit, rate_hz)." in absence.text
    near = np.array([0.0, 0.1, 100.0])
    assert not pair(near, near)[0]


def test_gaps_between_regular_sweeps_are_counted() -> None:
    times = np.arange(100) * 0.1
    kept = np.delete(times, [10, 11, 40])
    (absence,), _ = pair(kept, times)
    assert "of the 97 sweeps, about 3 more are missing between them" in absence.text
    assert "the first after lidar/009;" in absence.text
    assert absence.share == pytest.approx(0.03)
    irregular = np.cumsum(np.random.default_rng(0).uniform(0.05, 1, 100))
    assert not pair(irregular, irregular)[0]
    two_drives = np.concatenate([times, times + 100])
    assert not pair(two_drives, two_drives)[0]


def test_images_of_missing_sweeps_are_counted() -> None:
    times = np.arange(10) * 0.5
    (absence,), _ = pair(times[::2], times)
    assert absence.text.startswith("cameras.left.files: 5 of 10 images have no sweep within 0.")
    assert "not used, such as left/001, left/003, left/005; complete lidar.files" in absence.text
    assert absence.share == 0.5
    faster = np.arange(60) / 30  # images at three times the rate of the sweeps
    assert not pair(faster[::3], faster)[0]


def test_broken_files_are_left_out_and_named(root: Path) -> None:
    image = min(root.glob("scene-0061/images L/*"))
    image.write_bytes(image.read_bytes()[:10])
    rear = min(root.glob("scene-0103/images 7-rear.b/*"))
    rear.write_bytes(b"")
    early = sorted(root.glob("scene-0061/cloud/*"))[1]
    early.write_bytes(early.read_bytes()[:-5])
    key = max(root.glob("scene-0103/cloud/*"))
    key.write_bytes(b"")
    converted = convert(root)
    for words in (
        f"cameras.L.files: 1 of 4 files are left out, such as this: {image} is broken",
        f"cameras.7-rear.b.files: 1 of 4 files are left out, such as this: {rear} is broken",
        "lidar.files: 2 of ",
    ):
        assert any(words in x for x in converted.warnings), words
    samples = read_info(converted.paths["train"])["data_list"]
    assert sorted(len(x["images"]) for x in samples) == [2, 2, 3]
    paths = {y["lidar_points"]["lidar_path"] for x in samples for y in x.get("lidar_sweeps", [])}
    assert early.relative_to(root).as_posix() not in paths


def test_images_that_are_cut_off_are_left_out(root: Path) -> None:
    cut = [min(root.glob(f"scene-0061/images {name}/*")) for name in ("L", "weitwinkel")]
    assert {path.suffix for path in cut} == {".png", ".jpg"}
    for image in cut:
        image.write_bytes(image.read_bytes()[:-20])
    warnings = convert(root).warnings
    for image in cut:
        assert any(f"such as this: {image} is cut off; copy it again" in x for x in warnings)


def test_sweeps_faster_than_any_lidar_are_refused(root: Path) -> None:
    path = root / "rig.yaml"
    content = yaml.safe_load(path.read_text())
    content["times"]["unit"] = "ns"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(RigError, match=r"lidar\.times: sweeps are .* correct times"):
        convert(root)


def test_frames_without_a_pose_are_named(root: Path) -> None:
    path = root / "scene-0103" / "odometry.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join(rows[: len(rows) // 2]) + "\n")
    lines = [x for x in convert(root).warnings if x.startswith("poses: ")]
    assert any(
        "of 4 frames are left out, which have no pose, such as scene-0103" in x for x in lines
    )
