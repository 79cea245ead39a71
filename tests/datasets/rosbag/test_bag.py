"""Bags of each format, whole and damaged."""

import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode

from perception_kd.datasets.rosbag.bag import Bag, find_files
from perception_kd.datasets.rosbag.decoding import CLOUD, ODOMETRY
from perception_kd.io.errors import BrokenFileError
from tests.datasets.rosbag.bags import FORMATS, BagMaker, Sent, cloud, ns, odometry
from tools.create_data import main

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4")])


def sent(count: int, points: int = 30, start: float = 100.0) -> list[Sent]:
    """Return clouds and odometry at 10 Hz, stamped 0.05 s before they are recorded."""
    rows = np.ones(points, POINT)
    return [
        item
        for i in range(count)
        for time in [start + i / 10]
        for item in (
            Sent("/points", time, cloud(time - 0.05, rows)),
            Sent("/odom", time + 0.01, odometry(time, (i, 0, 0), (0, 0, 0, 1))),
        )
    ]


def only_file(path: Path) -> Path:
    """Return the file of messages of a bag."""
    return path if path.is_file() else next(x for x in path.iterdir() if x.suffix != ".yaml")


@pytest.mark.parametrize("kind", FORMATS)
def test_messages_are_read_in_order_with_stamps(kind: str, tmp_path: Path) -> None:
    path = BagMaker(tmp_path, kind).write(sent(5))
    with Bag([path]) as bag:
        assert bag.counts == {("/odom", ODOMETRY): 5, ("/points", CLOUD): 5}
        assert bag.duration_s == pytest.approx(0.41)
        messages = list(bag.read(["/points", "/odom"]))
        late = list(bag.read(["/points"], start=ns(100.2), stop=ns(100.4)))
    assert [x.topic for x in messages[:2]] == ["/points", "/odom"]
    assert [x.header() for x in late] == [(ns(100.15), "lidar"), (ns(100.25), "lidar")]
    assert messages[-1].decode().pose.pose.position.x == 4


@pytest.mark.parametrize("kind", FORMATS)
def test_what_precedes_the_damage_is_read(kind: str, tmp_path: Path) -> None:
    whole = BagMaker(tmp_path, kind).write(sent(60, points=5000))
    file = only_file(whole)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    with Bag([whole]) as bag:
        messages = list(bag.read(["/points"]))
        losses = bag.losses
    assert 20 <= len(messages) < 45
    assert messages[0].header() == (ns(99.95), "lidar")
    assert len(losses) == 1
    assert "is damaged" in losses[0]
    assert "lost" in losses[0]


def test_damage_in_the_middle_ends_the_reading(tmp_path: Path) -> None:
    path = BagMaker(tmp_path, "ros1")
    file = path.write(sent(60, points=5000))
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    file.write_bytes(data)
    with Bag([file]) as bag:
        messages = list(bag.read(["/points", "/odom"]))
        assert len(messages) < 120
        assert any("after its start" in loss for loss in bag.losses)


def test_split_recordings_are_one_stream(tmp_path: Path) -> None:
    late = BagMaker(tmp_path, "ros1", "drive_10").write(sent(2, start=200.0))
    early = BagMaker(tmp_path, "ros1", "drive_9").write(sent(2, start=100.0))
    assert find_files(tmp_path) == [early, late]
    with Bag([late, early]) as bag:
        times = [message.time for message in bag.read(["/points"])]
    assert times == [ns(100.0), ns(100.1), ns(200.0), ns(200.1)]


def test_messages_beside_a_database_are_named(tmp_path: Path) -> None:
    path = BagMaker(tmp_path, "sqlite3").write(sent(2))
    only_file(path).with_suffix(".db3-wal").write_bytes(b"left by a crash")
    with Bag([path]) as bag:
        assert "wal_checkpoint" in bag.losses[0]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("notes.txt", b"hello", "is not a bag: its name must end"),
        ("drive.mcap", b"hello", "is not a bag that can be read: File magic is invalid"),
        ("drive.db3", b"hello", "is not a bag that can be read"),
        ("drive.bag", b"", "is not a bag that can be read"),
        ("drive.bag", b"#ROSBAG V2.0\n", "no message can be read"),
        ("drive.db3.zstd", b"", "zstd -d"),
    ],
)
def test_other_files_are_refused(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BrokenFileError, match=words):
        Bag([tmp_path / name])


def test_folders_without_a_bag_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError, match="is a folder without a bag"):
        Bag([tmp_path])
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        Bag([tmp_path / "nowhere"])


def test_a_bag_without_messages_is_refused(tmp_path: Path) -> None:
    path = BagMaker(tmp_path, "sqlite3").write(sent(1))
    with sqlite3.connect(only_file(path)) as database:
        database.execute("DELETE FROM messages")
    with pytest.raises(BrokenFileError, match="has no message"):
        Bag([path])


def test_the_list_shows_topics_rates_and_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = BagMaker(tmp_path, "mcap").write(
        [*sent(31), Sent("/late", 103.0, cloud(1.0, np.ones(1, POINT), frame="/rear"))]
    )
    assert main(["rosbag", "--bag", str(path), "--list"]) == 0
    lines = {
        line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line
    }
    assert lines["/points"] == [CLOUD, "31", "10.0", "0.0", "3.0", "lidar"]
    assert lines["/odom"] == [ODOMETRY, "31", "10.0", "0.0", "3.0", "odom"]
    assert lines["/late"][:5] == ["is", "stamped", "102.0", "s", "before"]


def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rosbags.highlevel", None)
    assert main(["rosbag", "--bag", str(tmp_path), "--list"]) == 2
    error = capsys.readouterr().err
    assert 'pip install "perception-kd[rosbag]"' in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("mode", [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_compressed_recordings_are_read(mode: CompressionMode, tmp_path: Path) -> None:
    maker = BagMaker(tmp_path, "sqlite3")
    maker.compress(mode)
    path = maker.write(sent(5))
    with Bag([path]) as bag:
        assert [x.decode().width for x in bag.read(["/points"])] == [30] * 5


def test_compressed_chunks_are_read(tmp_path: Path) -> None:
    maker = BagMaker(tmp_path, "mcap")
    maker.compress(CompressionMode.STORAGE)
    path = maker.write(sent(60, points=5000))
    with Bag([path]) as bag:
        assert len(list(bag.read(["/points"]))) == 60
    file = only_file(path)
    data = file.read_bytes()
    file.write_bytes(data.replace(b"\x04\0\0\0zstd", b"\x04\0\0\0xyzw"))
    with Bag([path]) as bag:
        assert not list(bag.read(["/points"]))
        assert "Unsupported chunk compression 'xyzw'" in bag.losses[0]
