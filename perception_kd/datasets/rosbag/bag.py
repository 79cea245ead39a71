"""Recordings in one or more bags, read as one stream."""

import heapq
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from perception_kd.datasets.folder.file_lists import natural_key
from perception_kd.datasets.rosbag.storage import BagFile, Message, open_bag_file
from perception_kd.io.errors import BrokenFileError

SUFFIXES = (".mcap", ".db3", ".bag", ".bag.active")
_END = 2**63 - 1
_METADATA = "metadata.yaml"


class Bag(AbstractContextManager["Bag"]):
    """Recordings in files or folders of ROS 1 and ROS 2, read as one stream.

    Use it as a context manager, which closes the files.

    Args:
        paths: Files, or folders with the files of one recording.

    Attributes:
        counts: Number of messages by topic and type, sorted.
        start: Recording time of the first message in ns.
        stop: Time after the last message in ns.

    Raises:
        FileNotFoundError: If a path does not exist.
        BrokenFileError: If a path is not a bag, or no message can be read.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = [Path(path) for path in paths]
        self._files = list[BagFile]()
        try:
            files = (file for path in self.paths for file in find_files(path))
            for part in dict.fromkeys(files):
                self._files.append(open_bag_file(part))
        except BaseException:
            self.close()
            raise
        counts = dict[tuple[str, str], int]()
        for file in self._files:
            for key, count in file.counts.items():
                counts[key] = counts.get(key, 0) + count
        self.counts = dict(sorted(counts.items()))
        filled = [file for file in self._files if file.stop > file.start]
        if not filled:
            raise BrokenFileError(f"{self} has no message; record it again, or give another --bag.")
        self.start = min(file.start for file in filled)
        self.stop = max(file.stop for file in filled)
        self._files = sorted(filled, key=lambda file: file.start)

    def __str__(self) -> str:
        return " ".join(map(str, self.paths))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def duration_s(self) -> float:
        """Time from the first to the last message in s."""
        return (self.stop - self.start) / 1e9

    @property
    def file_paths(self) -> list[Path]:
        """The files that have messages, or folders of compressed ones."""
        return [file.path for file in self._files]

    @property
    def losses(self) -> list[str]:
        """Sentences on what could not be read so far."""
        return list(dict.fromkeys(loss for file in self._files for loss in file.losses))

    def read(self, topics: Collection[str], start: int = 0, stop: int = _END) -> Iterator[Message]:
        """Yield messages in the order in which they were recorded.

        Args:
            topics: Names of the topics.
            start: Recording time in ns from which to read.
            stop: Recording time in ns before which to stop.
        """
        streams = [_delayed(file, topics, start, stop) for file in self._files]
        for _, message in heapq.merge(*streams, key=lambda item: item[0]):
            if message is not None:
                yield message

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def find_files(path: Path) -> list[Path]:
    """Return the files of a bag in their order, or its folder if it is compressed.

    Args:
        path: A file, or a folder with the files of one recording.

    Raises:
        FileNotFoundError: If it does not exist.
        BrokenFileError: If it has no file of a bag.
    """
    if not path.exists():
        raise FileNotFoundError(f"--bag {path} does not exist; check the path.")
    if path.is_file():
        if path.suffix == ".zstd":
            raise BrokenFileError(
                f"{path} is compressed as a whole; give its folder with {_METADATA}, or unpack it "
                f"by: zstd -d {path}"
            )
        if not path.name.endswith(SUFFIXES):
            raise BrokenFileError(
                f"--bag {path} is not a bag: its name must end with {', '.join(SUFFIXES)}."
            )
        return [path]
    if _is_compressed(path / _METADATA):
        return [path]
    files = [x for x in path.iterdir() if x.name.endswith(SUFFIXES) and x.is_file()]
    if not files:
        raise BrokenFileError(
            f"--bag {path} is a folder without a bag (files that end with {', '.join(SUFFIXES)})."
        )
    return sorted(files, key=lambda file: natural_key(file.name))


def _is_compressed(metadata: Path) -> bool:
    """Return whether messages or files are compressed by the recorder of ROS 2."""
    try:
        content: Any = yaml.safe_load(metadata.read_text())
        mode = content["rosbag2_bagfile_information"]["compression_mode"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        return False  # without it, or a damaged one, the files say all that is needed
    return str(mode).lower() in ("file", "message")


def _delayed(
    file: BagFile, topics: Collection[str], start: int, stop: int
) -> Iterator[tuple[int, Message | None]]:
    """Yield messages with their times, after a first item that opens nothing."""
    yield file.start, None
    for message in file.read(topics, start, stop):
        yield message.time, message
