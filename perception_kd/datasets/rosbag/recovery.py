"""Messages of bags whose recorder crashed, or whose copy is incomplete."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from rosbags.interfaces.typing import RPath
from rosbags.rosbag1.reader import Header, RecordType, decompressors, normalize, read_bytes
from rosbags.rosbag1.reader import read_uint32 as read_length
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.typesys.msg import normalize_msgtype

_MCAP = b"\x89MCAP0\r\n"
_ROS1 = b"#ROSBAG V2.0\n"
_SQLITE = b"SQLite format 3\0"
# A footer without a summary, which makes a reader scan the records.
_MCAP_END = b"\x02" + struct.pack("<QQQI", 20, 0, 0, 0) + _MCAP


class StoredMessage(NamedTuple):
    """A message: topic, type, recording time in ns, and bytes."""

    topic: str
    type: str
    time: int
    data: bytes


def recover(path: Path) -> Iterator[StoredMessage] | None:
    """Return the messages of a damaged file up to the damage, in the order of the file.

    Args:
        path: File of a bag without a usable index.

    Returns:
        The messages; None if the file is not one of a bag at all.
    """
    with path.open("rb") as file:
        start = file.read(16)
    for magic, scan in ((_MCAP, _scan_mcap), (_ROS1, _scan_ros1), (_SQLITE, _scan_sqlite)):
        if start.startswith(magic):
            return _until_damage(scan(path))
    return None


def _until_damage(records: Iterator[StoredMessage]) -> Iterator[StoredMessage]:
    try:
        yield from records
    except Exception:  # of any kind: the bytes are damaged
        return


def _scan_mcap(path: Path) -> Iterator[StoredMessage]:
    with path.open("rb") as file:
        stop = _end_of_records(file)
        reader = McapReader(cast(RPath, _Repaired(path, stop)))
        reader.open()
        with closing(reader):
            connections = list(reader.connections)
            for connection, time, data in reader.messages_scan(connections):
                yield StoredMessage(connection.topic, connection.msgtype, time, data)


def _end_of_records(file: BinaryIO) -> int:
    """Return the end of the last whole record of an MCAP file before its index."""
    size = file.seek(0, 2)
    stop = file.seek(len(_MCAP))
    while True:
        head = file.read(9)
        if len(head) < 9 or head[0] in (0x02, 0x0F):  # footer, end of data
            return stop
        after = file.tell() + int.from_bytes(head[1:], "little")
        if after > size:
            return stop
        stop = file.seek(after)


class _Repaired:
    """A path to a file whose damaged end is replaced; what rosbags needs of a path."""

    suffix, stem = ".mcap", "repaired"

    def __init__(self, path: Path, stop: int) -> None:
        self._path, self._stop = path, stop

    def open(self, *args: Any, **kwargs: Any) -> BinaryIO:
        return BufferedReader(_RepairedFile(self._path, self._stop))


class _RepairedFile(RawIOBase):
    """The first bytes of a file, followed by the end of a whole MCAP file."""

    def __init__(self, path: Path, stop: int) -> None:
        self._file, self._stop, self._place = path.open("rb", buffering=0), stop, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._stop + len(_MCAP_END))[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        place, view = self._place, memoryview(buffer).cast("B")
        if place < self._stop:
            self._file.seek(place)
            data = self._file.read(min(len(view), self._stop - place))
        else:
            data = _MCAP_END[place - self._stop :][: len(view)]
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _scan_ros1(path: Path) -> Iterator[StoredMessage]:
    topics = dict[int, tuple[str, str]]()
    with path.open("rb") as file:
        file.seek(len(_ROS1))
        while True:
            header = Header.read(file)
            data = read_bytes(file, read_length(file))
            if header.get_uint8("op") == RecordType.CHUNK:
                chunk = decompressors[header.get_string("compression")](data)
                yield from _scan_chunk(chunk, topics)


def _scan_chunk(chunk: bytes, topics: dict[int, tuple[str, str]]) -> Iterator[StoredMessage]:
    records = BytesIO(chunk)
    while records.tell() < len(chunk):
        header = Header.read(records)
        data = read_bytes(records, read_length(records))
        number, kind = header.get_uint32("conn"), header.get_uint8("op")
        if kind == RecordType.CONNECTION:
            about = Header.read(BytesIO(struct.pack("<I", len(data)) + data))
            message_type = normalize_msgtype(about.get_string("type"))
            topics[number] = normalize(header.get_string("topic")), message_type
        elif kind == RecordType.MSGDATA:
            yield StoredMessage(*topics[number], header.get_time("time"), data)


def _scan_sqlite(path: Path) -> Iterator[StoredMessage]:
    # Not to be changed, not even by merging what a crashed recorder left beside it.
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    with closing(database):
        database.execute("PRAGMA writable_schema = ON")  # or a file that is cut off is refused
        topics = {x[0]: (x[1], x[2]) for x in database.execute("SELECT id, name, type FROM topics")}
        # In the order of the table, which needs no index.
        for topic, time, data in database.execute(
            "SELECT topic_id, timestamp, data FROM messages NOT INDEXED"
        ):
            name, message_type = topics[topic]
            yield StoredMessage(name, message_type, time, data)
