"""Files of bags: opened one by one, damaged ones as far as they can be read."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from perception_kd.datasets.rosbag.decoding import Decoder
from perception_kd.datasets.rosbag.recovery import StoredMessage, recover
from perception_kd.io.errors import BrokenFileError

# Everything that rosbags, sqlite3 and decompressors raise on damaged bytes.
_ROS1, _FIRST = ".bag", b"#ROSBAG"


class Message(NamedTuple):
    """A message as it was recorded.

    Attributes:
        topic: Its topic.
        type: Its type, such as ``sensor_msgs/msg/Image``.
        time: When it was recorded in ns; not when it was measured.
        data: Its bytes.
        decoder: What reads the bytes.
    """

    topic: str
    type: str
    time: int
    data: bytes
    decoder: Decoder

    def header(self) -> tuple[int, str]:
        """Return stamp in ns and frame, as :meth:`Decoder.read_header`."""
        return self.decoder.read_header(self.data)

    def decode(self) -> Any:
        """Return the values, as :meth:`Decoder.decode`."""
        return self.decoder.decode(self.data, self.type)


class BagFile(Protocol):
    """A file of a bag, or a compressed bag.

    Attributes:
        path: The file.
        counts: Number of messages by topic and type.
        start: Time of the first message in ns.
        stop: Time after the last message in ns; equal to ``start`` if there is none.
        losses: Sentences on what cannot be read.
    """

    path: Path
    counts: dict[tuple[str, str], int]
    start: int
    stop: int
    losses: list[str]

    def read(self, topics: Collection[str], start: int, stop: int) -> Iterator[Message]:
        """Yield the messages of topics recorded from ``start`` to before ``stop``."""

    def close(self) -> None:
        """Close the file."""


def open_bag_file(path: Path) -> BagFile:
    """Open a file of a bag, or the folder of a compressed one.

    Raises:
        BrokenFileError: If it is not part of a bag, or nothing in it can be read.
    """
    is_ros1 = path.suffix == _ROS1 or path.name.endswith(f"{_ROS1}.active")
    try:
        return _IndexedFile(path, is_ros1)
    except PermissionError:
        raise
    except Exception as error:  # damaged files make the reader fail in any way
        reason = describe_error(error).replace(str(path), path.name)
        records = None if path.is_dir() else recover(path)
        if records is None:
            raise BrokenFileError(f"{path} is not a bag that can be read: {reason}.") from error
        return _DamagedFile(path, is_ros1, reason)


class _IndexedFile:
    """A file whose index is whole."""

    def __init__(self, path: Path, is_ros1: bool) -> None:
        self.path, self.losses = path, list[str]()
        self._decoder = Decoder(is_ros1)
        self._reader = Reader1(path) if is_ros1 else Reader2(path)
        self._reader.open()
        self.counts = dict[tuple[str, str], int]()
        for connection in self._reader.connections:
            key = connection.topic, connection.msgtype
            self.counts[key] = self.counts.get(key, 0) + connection.msgcount
        is_empty = not self._reader.message_count
        self.start = 0 if is_empty else self._reader.start_time
        self.stop = 0 if is_empty else self._reader.end_time
        self.losses += _find_unmerged(path)

    def read(self, topics: Collection[str], start: int, stop: int) -> Iterator[Message]:
        connections = [x for x in self._reader.connections if x.topic in topics]
        time = self.start
        if not connections or stop <= self.start or start >= self.stop:
            return
        try:
            for connection, time, data in self._reader.messages(connections, start, stop):
                yield Message(connection.topic, connection.msgtype, time, data, self._decoder)
        except Exception as error:
            self.losses.append(
                f"{self.path} is damaged {(time - self.start) / 1e9:.1f} s after its start "
                f"({describe_error(error)}): its other {(self.stop - time) / 1e9:.1f} s are lost."
            )

    def close(self) -> None:
        self._reader.close()


class _DamagedFile:
    """A file without an index, read from its beginning to the damage."""

    def __init__(self, path: Path, is_ros1: bool, reason: str) -> None:
        self.path = path
        self._decoder = Decoder(is_ros1)
        self.counts = dict[tuple[str, str], int]()
        times = list[int]()
        for record in self._scan():
            key = record.topic, record.type
            self.counts[key] = self.counts.get(key, 0) + 1
            times = [min([*times[:1], record.time]), max([*times[1:], record.time])]
        if not times:
            raise BrokenFileError(f"{path} is damaged; no message can be read: {reason}.")
        self.start, self.stop = times[0], times[1] + 1
        self.losses = [
            f"{path} is damaged ({reason}), as after a crash while recording: "
            f"{sum(self.counts.values())} messages of {(self.stop - self.start) / 1e9:.1f} s "
            "can be read, what may follow is lost."
        ]

    def read(self, topics: Collection[str], start: int, stop: int) -> Iterator[Message]:
        for topic, kind, time, data in self._scan():
            if topic in topics and start <= time < stop:
                yield Message(topic, kind, time, data, self._decoder)

    def _scan(self) -> Iterator[StoredMessage]:
        return recover(self.path) or iter(())

    def close(self) -> None:
        """Do nothing: the file is closed after each reading."""


def describe_error(error: BaseException) -> str:
    """Return the message of an error in one line, without a dot at its end."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200].rstrip(".")


def _find_unmerged(path: Path) -> list[str]:
    """Return a sentence on messages that a crashed recorder left beside a database."""
    log = path.with_name(path.name + "-wal")
    if path.suffix != ".db3" or not log.is_file() or not os.path.getsize(log):
        return []
    return [
        f"{log} has messages that were not merged into {path.name} and are left out; to merge "
        f"them, run: sqlite3 {path} 'PRAGMA wal_checkpoint'"
    ]
