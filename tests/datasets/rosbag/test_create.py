"""Bags to folders: what is written, what is left out, and what is refused."""

import re
import shlex
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.datasets.folder import command as folder_command
from perception_kd.datasets.folder.constants import RIG
from perception_kd.datasets.folder.frames import make_frames, read_recordings
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.rosbag import create, extraction
from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.clouds import encode_pcd
from perception_kd.datasets.rosbag.create import create_recording, read_settings
from perception_kd.datasets.rosbag.decoding import CAMERA_INFO, CLOUD, COMPRESSED_IMAGE, IMAGE
from perception_kd.datasets.rosbag.plan import describe_setup
from perception_kd.datasets.rosbag.recording import POSES
from perception_kd.datasets.rosbag.sensors import read_setup
from perception_kd.datasets.rosbag.settings import ExtractionSettings, parse_pair, parse_time
from perception_kd.datasets.rosbag.topics import choose_topics, propose_names
from perception_kd.io.lock import lock_folder
from tests.datasets.rosbag.bags import (
    FORMATS,
    BagMaker,
    Sent,
    camera_info,
    cloud,
    compressed,
    header,
    image,
    ns,
    odometry,
    transforms,
)
from tools.create_data import main, parse_args

START = 1_700_000_000.0
SIZE = (64, 48)
K = np.array([[50.0, 0, 31.5], [0, 50.0, 23.5], [0, 0, 1]])
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")])
# Looks along x of the base, with x to the right and y down.
OPTICAL = (-0.5, 0.5, -0.5, 0.5)
IDENTITY = (0.0, 0.0, 0.0, 1.0)
Change = Callable[[Sent], Iterable[Sent]]


def points_at(index: int) -> Any:
    rows = np.zeros(50, POINT)
    rows["x"], rows["y"], rows["z"] = np.linspace(1, 20, 50), index, 0.5
    rows["intensity"] = np.linspace(0, 200, 50)
    return rows


def pixels_at(index: int) -> Any:
    return np.full((SIZE[1], SIZE[0], 3), (index, 100, 200), np.uint8)


def jpeg_at(index: int) -> bytes:
    data: bytes = cv2.imencode(".jpg", pixels_at(index))[1].tobytes()
    return data


def drive(count: int = 20) -> list[Sent]:
    """Return a drive of ``count`` sweeps at 10 Hz along x with 10 m/s, two cameras."""
    sent = [
        Sent(
            "/tf_static",
            START,
            transforms(
                (START, "base_link", "lidar", (0, 0, 2), IDENTITY),
                (START, "base_link", "front_mount", (1, 0, 1), IDENTITY),
                (START, "front_mount", "front_optical", (0, 0, 0), OPTICAL),
                (START, "base_link", "rear_optical", (-1, 0, 1), OPTICAL),
            ),
        )
    ]
    for i in range(count):
        time = START + i / 10
        late = time + 0.08  # after the sweep is complete
        info = camera_info(time, K, SIZE, frame="front_optical", distortion=(0.1, 0, 0, 0, 0))
        sent += [
            Sent("/front/camera_info", time, info),
            Sent("/rear/camera_info", time, camera_info(time, K, SIZE, frame="rear_optical")),
            Sent("/odom", time, odometry(time - 0.03, (i - 0.3, 0, 0), IDENTITY)),
            Sent(
                "/front/image_raw",
                time + 0.05,
                image(time + 0.01, pixels_at(i), "rgb8", frame="front_optical"),
            ),
            Sent(
                "/rear/image/compressed",
                time + 0.05,
                compressed(time + 0.02, jpeg_at(i), "jpeg", frame="rear_optical"),
            ),
            Sent("/points", late, cloud(time, points_at(i))),
        ]
    return sent


def changed(sent: Iterable[Sent], topic: str, change: Change) -> list[Sent]:
    """Return messages with those of a topic replaced."""
    return [new for item in sent for new in (change(item) if item.topic == topic else [item])]


def without(sent: Iterable[Sent], topic: str) -> list[Sent]:
    return changed(sent, topic, lambda item: [])


def extract(
    tmp_path: Path, sent: list[Sent], kind: str = "mcap", **settings: Any
) -> tuple[Path, list[str]]:
    """Return the folder of a recording, and its files."""
    path = BagMaker(tmp_path, kind).write(sent)
    folder = create_recording(
        [path], tmp_path / "out", ExtractionSettings(**settings), command="make", progress=False
    )
    files = sorted(str(x.relative_to(folder)) for x in folder.rglob("*") if x.is_file())
    return folder, files


def read_pcd(path: Path) -> Any:
    head, _, body = path.read_bytes().partition(b"DATA binary\n")
    names = re.findall(rb"FIELDS (.+)", head)[0].decode().split()
    return np.frombuffer(body, [(name, "<f4") for name in names])


def stamp(time: float) -> int:
    return ns(START + time)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_drive_becomes_a_folder(kind: str, tmp_path: Path) -> None:
    folder, files = extract(tmp_path, drive(), kind)
    sweeps = [f"lidar/{stamp(i / 10)}.pcd" for i in range(19)]  # the last has no pose after it
    assert [x for x in files if x.startswith("lidar")] == sweeps
    np.testing.assert_array_equal(read_pcd(folder / sweeps[7]), points_at(7))
    front = cv2.imread(str(folder / f"images/front/{stamp(0.71)}.png"))
    np.testing.assert_array_equal(front[..., ::-1], pixels_at(7))
    rear = folder / f"images/rear/{stamp(0.72)}.jpg"
    assert rear.read_bytes() == jpeg_at(7)
    rig = read_rig(folder / RIG)
    assert rig.lidar.intensity_max == 255
    by_name = {camera.name: camera for camera in rig.cameras}
    assert by_name["front"].distortion_model == "opencv"
    assert by_name["rear"].distortion_model == "none"
    np.testing.assert_allclose(by_name["front"].intrinsics.load(folder), K.flatten())
    # 10 m ahead of the LiDAR is 9 m ahead of the front camera, and 1 m above it.
    lidar2cam = by_name["front"].extrinsics.load(folder)
    np.testing.assert_allclose(lidar2cam @ [10, 0, 0, 1], [0, -1, 9, 1], atol=1e-12)
    poses = np.loadtxt(folder / POSES)
    at_sweep = poses[np.argmin(np.abs(poses[:, 0] - START - 0.7))]
    np.testing.assert_allclose(at_sweep[1:], [7, 0, 2, 0, 0, 0, 1], atol=1e-6)


def test_sweeps_can_be_thinned_and_cut(tmp_path: Path) -> None:
    every = parse_time("", "0.5s")
    folder, files = extract(
        tmp_path, drive(40), every=every, sweeps=False, start=ns(1.0), duration=ns(1.5)
    )
    # Recorded from 1.0 s on: the sweep stamped 1.0 s was recorded at 1.08 s.
    expected = [f"lidar/{stamp(x)}.pcd" for x in (1.0, 1.5, 2.0)]
    assert [x for x in files if x.startswith("lidar")] == expected
    assert len([x for x in files if x.startswith("images/front")]) == 3
    assert read_rig(folder / RIG).frames.max_sweeps == 0


def test_keyframes_have_the_sweeps_between_as_earlier_ones(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"start": ns(1.0), "duration": ns(1.5)}
    every = parse_time("", "0.5s")
    folder, files = extract(tmp_path, drive(40), every=every, **settings)
    sweeps = [f"lidar/{stamp(1.0 + i / 10)}.pcd" for i in range(15)]
    assert [x for x in files if x.startswith("lidar")] == sweeps
    assert len([x for x in files if x.startswith("images/front")]) == 3
    rig = read_rig(folder / RIG)
    assert (rig.frames.every_s, rig.frames.max_sweeps) == (0.5, 10)
    (recording,) = read_recordings(rig, folder)
    frames = make_frames(recording, rig.frames, "drive")
    assert [x.sweep.path for x in frames] == sweeps[::5]
    assert all(len(x.images) == 2 for x in frames)
    assert [x.path for x in frames[2].earlier] == sweeps[9::-1]


def test_poses_come_from_moving_transforms(tmp_path: Path) -> None:
    def as_transforms(item: Sent) -> list[Sent]:
        place = item.values[1]["pose"][1]["pose"][1]["position"][1]
        time = item.time - 0.03
        link = (time, "odom", "base_link", (place["x"], 0, 0), IDENTITY)
        return [Sent("/tf", item.time, transforms(link))]

    folder, _ = extract(tmp_path, changed(drive(80), "/odom", as_transforms))
    poses = np.loadtxt(folder / POSES)
    at_sweep = poses[np.argmin(np.abs(poses[:, 0] - START - 0.7))]
    np.testing.assert_allclose(at_sweep[1:], [7, 0, 2, 0, 0, 0, 1], atol=1e-6)


def test_without_poses_all_sweeps_stand_alone(tmp_path: Path) -> None:
    folder, files = extract(tmp_path, without(drive(), "/odom"))
    assert len([x for x in files if x.startswith("lidar")]) == 20
    assert POSES not in files
    assert read_rig(folder / RIG).poses is None


def test_points_alone_need_no_calibration(tmp_path: Path) -> None:
    folder, files = extract(tmp_path, without(drive(), "/front/camera_info"), cameras=())
    assert not [x for x in files if x.startswith("images")]
    assert read_rig(folder / RIG).cameras == ()


def test_a_second_run_continues_with_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = BagMaker(tmp_path, "mcap").write(drive()), ExtractionSettings()
    whole = create_recording([path], tmp_path / "a", settings, command="make", progress=False)

    def stop(data: Any) -> bytes:
        if len(list((tmp_path / "b/recording/lidar").glob("*.pcd"))) == 7:
            raise KeyboardInterrupt
        return encode_pcd(data)

    monkeypatch.setattr(extraction, "encode_pcd", stop)
    with pytest.raises(KeyboardInterrupt):
        create_recording([path], tmp_path / "b", settings, command="make", progress=False)
    assert not (tmp_path / "b/recording" / RIG).exists()
    monkeypatch.undo()
    kept = next((tmp_path / "b/recording/lidar").glob("*.pcd"))
    written = kept.stat().st_mtime_ns
    again = create_recording([path], tmp_path / "b", settings, command="make", progress=False)
    assert kept.stat().st_mtime_ns == written
    files = sorted(x.relative_to(whole) for x in whole.rglob("*") if x.is_file())
    assert files == sorted(x.relative_to(again) for x in again.rglob("*") if x.is_file())
    assert all((whole / x).read_bytes() == (again / x).read_bytes() for x in files)
    edited = "lidar: {axes: [right, forward, up]}\n"
    (again / RIG).write_text(edited)
    create_recording([path], tmp_path / "b", settings, command="make", progress=False)
    assert (again / RIG).read_text() == edited
    other = ExtractionSettings(every=ns(1))
    with pytest.raises(ValueError, match="is of another bag, or made with other options"):
        create_recording([path], tmp_path / "b", other, command="make", progress=False)


def test_one_process_writes_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with lock_folder("--out-dir", tmp_path / "out"), pytest.raises(BlockingIOError):
        extract(tmp_path, drive(2))


def test_other_folders_are_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "out/recording").mkdir(parents=True)
    (tmp_path / "out/recording/mine.txt").touch()
    with pytest.raises(ValueError, match="not empty and not made from a bag"):
        extract(tmp_path, drive(2))


def stamp_later(item: Sent) -> list[Sent]:
    return [
        Sent(
            item.topic,
            item.time,
            image(item.time + 3600, pixels_at(0), "rgb8", frame="front_optical"),
        )
    ]


def other_frame(item: Sent) -> list[Sent]:
    time = item.time
    return [Sent(item.topic, time, image(time, pixels_at(0), "rgb8", frame="front_opticl"))]


def uncalibrated(item: Sent) -> list[Sent]:
    return [Sent(item.topic, item.time, camera_info(item.time, np.zeros((3, 3)), SIZE))]


def two_lidars(item: Sent) -> list[Sent]:
    return [item, Sent("/points_rear", item.time, item.values)]


def yuv(item: Sent) -> list[Sent]:
    return [Sent(item.topic, item.time, image(item.time, pixels_at(0), "yuv422"))]


def empty_cloud(item: Sent) -> list[Sent]:
    rows = points_at(0)
    rows["x"] = np.nan
    return [Sent(item.topic, item.time, cloud(item.time, rows))]


@pytest.mark.parametrize(
    ("topic", "change", "settings", "words"),
    [
        (
            "/points",
            two_lidars,
            {},
            r"has 2 topics of point clouds; choose one by --lidar: /points",
        ),
        ("/points", lambda item: [], {}, "has no message of sensor_msgs/msg/PointCloud2"),
        ("", None, {"lidar": "/pointz"}, r"--lidar: there is no topic /pointz .*mean /points\?"),
        ("", None, {"lidar": "/odom"}, "/odom is of type nav_msgs/msg/Odometry, not sensor_msgs"),
        ("", None, {"cameras": (("/left", ""),)}, "--camera: there is no topic /left"),
        ("", None, {"poses": "/odo"}, r"--poses: there is no topic /odo .*did you mean /odom\?"),
        ("", None, {"poses": "map"}, "--poses map: no transform has the frame 'map'.*--poses none"),
        (
            "/front/image_raw",
            stamp_later,
            {},
            "No image of /front/image_raw is within 0.05 s .* s apart by their stamps",
        ),
        (
            "/front/image_raw",
            other_frame,
            {},
            r"/front/image_raw has no place .*'front_opticl' \(near: front_optical\)",
        ),
        ("/front/image_raw", yuv, {}, "/front/image_raw: its first message .* encoding 'yuv422'"),
        ("/front/camera_info", uncalibrated, {}, "/front/camera_info: .*was not calibrated"),
        ("/tf_static", lambda item: [], {}, "no transform has the frame 'lidar'; there are none"),
        ("/points", empty_cloud, {}, "No sweep of /points can be used: .*no point has a return"),
        ("", None, {"start": ns(100)}, "No sweep of /points can be used: none is in this part"),
    ],
)
def test_what_cannot_be_used_is_named(
    topic: str, change: Change | None, settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    sent = drive(30) if change is None else changed(drive(30), topic, change)
    with pytest.raises(ValueError, match=words) as caught:
        extract(tmp_path, sent, **settings)
    assert "\n" not in str(caught.value)


def restamped(item: Sent, time: float) -> Sent:
    """Return a message with another time in its header."""
    kind, fields = item.values
    frame = fields["header"][1]["frame_id"]
    return item._replace(values=(kind, fields | {"header": header(time, frame)}))


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("/points", "No sweep of /points can be used: 4 messages of /points left out: its header"),
        ("/rear/image/compressed", "No image of /rear/image/compressed can be used: 4 messages"),
    ],
)
def test_messages_without_a_stamp_are_named(tmp_path: Path, topic: str, words: str) -> None:
    sent = changed(drive(4), topic, lambda item: [restamped(item, 0.0)])
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        extract(tmp_path, sent)
    assert "has the stamp 0; record it again with a driver that stamps it" in str(caught.value)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return the numbers of what an extraction leaves out, filled at its end."""
    counts: dict[str, int] = {}
    check = extraction.Extractor._check

    def keep(extractor: extraction.Extractor) -> None:
        check(extractor)
        counts.update({what: count for what, (count, _) in extractor.result.faults.items()})

    monkeypatch.setattr(extraction.Extractor, "_check", keep)
    return counts


def test_repeated_messages_are_counted_by_their_reason(
    tmp_path: Path, counts: dict[str, int]
) -> None:
    extract(tmp_path, changed(drive(6), "/points", lambda item: [item, item]))
    assert counts.pop("sweeps out of order") == 6
    assert counts == {"sweeps without a pose": 1, "images of sweeps without a pose": 2}


def test_no_calibration_at_all_is_refused(tmp_path: Path) -> None:
    sent = without(without(drive(2), "/front/camera_info"), "/rear/camera_info")
    with pytest.raises(ValueError, match=r"has no CameraInfo, and so .*--no-cameras"):
        extract(tmp_path, sent)


def test_one_camera_without_calibration_is_left_out(tmp_path: Path) -> None:
    folder, _ = extract(tmp_path, without(drive(), "/front/camera_info"))
    assert [camera.name for camera in read_rig(folder / RIG).cameras] == ["rear"]


def test_a_gap_in_the_poses_leaves_sweeps_out(tmp_path: Path) -> None:
    gap = (START + 1.0, START + 3.0)
    sent = [x for x in drive(60) if x.topic != "/odom" or not gap[0] < x.time < gap[1]]
    _, files = extract(tmp_path, sent)
    times = [(int(Path(x).stem) - stamp(0)) / 1e9 for x in files if x.startswith("lidar")]
    assert times == [pytest.approx(i / 10) for i in range(60) if i < 10 or 29 < i < 59]


def test_what_precedes_the_odometry_is_counted(tmp_path: Path, counts: dict[str, int]) -> None:
    sent = [x for x in drive() if x.topic != "/odom" or x.time > START + 0.45]
    _, files = extract(tmp_path, sent)
    assert len([x for x in files if x.startswith("lidar")]) == 14
    # Of the 20 sweeps, the first five and the last one have no pose.
    assert counts == {"sweeps without a pose": 6, "images of sweeps without a pose": 12}


@pytest.mark.filterwarnings("error::tqdm.TqdmWarning")
@pytest.mark.parametrize("duration", [1.04, 1.06])
def test_the_progress_ends_at_the_length_of_the_bag(
    tmp_path: Path, duration: float, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BagMaker(tmp_path, "mcap").write(drive())
    settings = ExtractionSettings(duration=ns(duration))
    create_recording([path], tmp_path / "out", settings, command="make")
    assert f"{duration:.1f}/{duration:.1f}" in capsys.readouterr().err


def test_too_little_space_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ValueError, match=r"About 20 sweeps need .* where 0.0 GB are free"):
        extract(tmp_path, drive())
    assert not (tmp_path / "out/recording").exists()


def test_lengths_of_time_have_units() -> None:
    assert parse_time("", "0.5s") == parse_time("", "500ms") == parse_time("", ".5") == ns(0.5)
    assert parse_time("", "2min") == ns(120)
    with pytest.raises(ValueError, match=r"--every must be a time such as 0.5s.* but is '2 days'"):
        parse_time("--every", "2 days")
    with pytest.raises(ValueError, match="--frame must be TOPIC=FRAME, but is '/points'"):
        parse_pair("--frame", "/points", "TOPIC=FRAME")


def test_memory_does_not_grow_with_the_bag(tmp_path: Path) -> None:
    rows = np.resize(points_at(0), 20_000)
    settings = ExtractionSettings(cameras=(("/front/image_raw", ""),))
    peaks = []
    for count in (3, 20, 40):  # the first for what is imported late
        larger = changed(drive(count), "/points", lambda item: [with_rows(item, rows)])
        path = BagMaker(tmp_path, "mcap", f"drive_{count}").write(larger)
        del larger
        out_dir = tmp_path / str(count)
        tracemalloc.start()
        create_recording([path], out_dir, settings, command="make", progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1], peaks


def with_rows(item: Sent, rows: Any) -> Sent:
    return Sent(item.topic, item.time, cloud(item.time - 0.08, rows))


def test_the_list_proposes_a_command_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BagMaker(tmp_path, "mcap").write(changed(drive(), "/points", two_lidars))
    assert main(["rosbag", "--bag", str(path), "--list"]) == 0
    command = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    expected = ["--lidar", "/points", "--camera", "/front/image_raw=front"]
    expected += ["/rear/image/compressed=rear", "--poses", "/odom", "--every", "0.5s"]
    assert command[-len(expected) :] == expected
    command[command.index("OUT")] = str(tmp_path / "out")
    args = parse_args(command[2:])
    create_recording(args.bag, args.out_dir, read_settings(args), command="make", progress=False)


def test_the_list_says_what_stands_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BagMaker(tmp_path, "mcap").write(without(drive(), "/tf_static"))
    assert main(["rosbag", "--bag", str(path), "--list"]) == 0
    assert "To solve first: /front/image_raw has no place" in capsys.readouterr().out


def test_transforms_of_other_frames_may_be_broken(tmp_path: Path) -> None:
    broken = Sent("/tf", START, transforms((START, "base_link", "arm", (0, 0, 0), (0, 0, 0, 0))))
    _, files = extract(tmp_path, [broken, *drive(5)])
    assert len([x for x in files if x.startswith("lidar")]) == 4


def test_a_broken_transform_on_the_way_is_named(tmp_path: Path) -> None:
    def break_link(item: Sent) -> list[Sent]:
        link = (START, "base_link", "lidar", (0, 0, 0), (0, 0, 0, 0))
        return [Sent(item.topic, item.time, transforms(link))]

    sent = changed(drive(5), "/tf_static", break_link)
    with pytest.raises(ValueError, match=r"the transform base_link -> lidar has .* length 0"):
        extract(tmp_path, sent)


def test_a_damaged_bag_gives_what_can_be_read(tmp_path: Path) -> None:
    rows = np.resize(points_at(0), 5000)
    larger = changed(drive(60), "/points", lambda item: [with_rows(item, rows)])
    path = BagMaker(tmp_path, "mcap").write(larger)
    file = next(path.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    folder = create_recording(
        [path], tmp_path / "out", ExtractionSettings(), command="make", progress=False
    )
    assert 20 < len(list((folder / "lidar").glob("*.pcd"))) < 45


def test_faults_and_stops_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = BagMaker(tmp_path, "mcap").write(drive(2))
    command = ["rosbag", "--bag", str(path), "--out-dir", str(tmp_path / "out")]
    assert main([*command, "--lidar", "/pointz"]) == 2
    assert re.fullmatch(r"error: --lidar: there is no topic .*\n", capsys.readouterr().err)
    assert main(command[:3]) == 2
    assert re.fullmatch(r"error: Give --out-dir, or --list .*\n", capsys.readouterr().err)

    def stop(data: Any) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(extraction, "encode_pcd", stop)
    assert main(command) == 130
    assert capsys.readouterr().err.endswith(
        "\nStopped. Finished files are kept. To resume, run the same command again.\n"
    )


def test_the_reason_for_no_poses_is_said(tmp_path: Path) -> None:
    def other_child(item: Sent) -> list[Sent]:
        values = odometry(item.time, (0, 0, 0), IDENTITY, child="imu")
        return [Sent(item.topic, item.time, values)]

    path = BagMaker(tmp_path, "mcap").write(changed(drive(3), "/odom", other_child))
    with Bag([path]) as bag:
        topics = choose_topics(bag, ExtractionSettings())
        setup = read_setup(bag, topics, ExtractionSettings())
        assert "/odom: no transform has the frame 'imu'" in describe_setup(setup, [])[-1]


def test_a_missing_intensity_is_said(tmp_path: Path) -> None:
    def without_intensity(item: Sent) -> list[Sent]:
        rows = np.ones(9, [(x, "<f4") for x in ("x", "y", "z", "echo")] + [("t", "<f8")])
        return [with_rows(item, rows)]

    said = []
    for name, sent in {"a": drive(3), "b": changed(drive(3), "/points", without_intensity)}.items():
        with Bag([BagMaker(tmp_path, "mcap", name).write(sent)]) as bag:
            topics = choose_topics(bag, ExtractionSettings())
            lines = describe_setup(read_setup(bag, topics, ExtractionSettings()), [])
        said.append([line for line in lines if "no intensity" in line])
    expected = "/points has no intensity, and 0 is used; its fields are x, y, z, echo, t. "
    assert said[0] == []
    assert [line.startswith(expected) for line in said[1]] == [True]


@pytest.mark.parametrize("is_left_out", [True, False])
def test_the_verdict_on_cameras_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_left_out: bool
) -> None:
    given = list[Any]()
    monkeypatch.setattr(create, "create_recording", lambda *args, **options: tmp_path)
    monkeypatch.setattr(folder_command, "run", given.append)
    path = BagMaker(tmp_path, "mcap").write(drive(1))
    words = ["rosbag", "--bag", str(path), "--out-dir", str(tmp_path / "out")]
    assert main([*words, *["--no-calibration-check"] * is_left_out]) == 0
    assert [args.no_calibration_check for args in given] == [is_left_out]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({("/points", CLOUD): 0}, "has no message of sensor_msgs/msg/PointCloud2"),
        (
            {("/velodyne_packets", "velodyne_msgs/msg/VelodyneScan"): 5},
            r"driver of /velodyne_packets \(velodyne_msgs/msg/VelodyneScan\), and record what",
        ),
    ],
)
def test_bags_without_points_say_what_there_is(
    counts: dict[tuple[str, str], int], words: str
) -> None:
    bag: Any = SimpleNamespace(counts=counts)
    with pytest.raises(ValueError, match=words):
        choose_topics(bag, ExtractionSettings())
    with pytest.raises(ValueError, match=r"--lidar: (/points has no message|there is no topic)"):
        choose_topics(bag, ExtractionSettings(lidar="/points"))


def test_videos_are_named_where_there_are_no_images() -> None:
    video = ("/front/video", "foxglove_msgs/msg/CompressedVideo")
    bag: Any = SimpleNamespace(counts={("/points", CLOUD): 5, video: 9})
    topics = choose_topics(bag, ExtractionSettings())
    assert topics.cameras == ()
    assert "/front/video (foxglove_msgs/msg/CompressedVideo) must be decoded" in topics.remarks[0]


def test_cameras_get_names_that_tell_them_apart() -> None:
    assert propose_names(["/cam/front/image_raw", "/cam/rear/image_raw/compressed"]) == {
        "/cam/front/image_raw": "front",
        "/cam/rear/image_raw/compressed": "rear",
    }
    assert [*propose_names(["/a/left/image", "/b/left/image"]).values()] == ["a_left", "b_left"]
    assert [*propose_names(["/image"]).values()] == ["image"]


def test_one_topic_of_images_is_taken_per_camera() -> None:
    names = ["/c/image_raw", "/c/image_rect", "/c/image_raw/compressed", "/c/depth/image"]
    kinds = [IMAGE, IMAGE, COMPRESSED_IMAGE, IMAGE]
    counts = {("/points", CLOUD): 1, ("/c/camera_info", CAMERA_INFO): 1}
    bag: Any = SimpleNamespace(counts=counts | dict.fromkeys(zip(names, kinds, strict=True), 1))
    topics = choose_topics(bag, ExtractionSettings())
    assert [camera.image for camera in topics.cameras] == ["/c/image_raw"]
    assert len(topics.remarks) == 2
