"""Caches of rows of numbers in one memory map, for entries too many for a file each.

```text
teacher/r50-mocov2/
  manifest.json    kind, settings and their hash, sources, number of entries
  rows.bin         float16, the rows of all entries one after the other
  ids.bin          int32, the id of each row
  index.bin        one record per entry: hash of its key, its rows, a note of the caller
```

A record is written after its rows, so an interrupted writer leaves rows without a
record at the end, which the next one overwrites. :meth:`RowCache.sort` orders the index
by key: readers then search it in the memory map, which all processes of a machine
share.
"""

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.atomic import write_whole
from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError

ROWS, IDS, INDEX = "rows.bin", "ids.bin", "index.bin"
NOTE_SIZE = 8
_RECORD = np.dtype(
    [
        ("key", "<u8"),
        ("start", "<i8"),
        ("count", "<i4"),
        ("checksum", "<u4"),
        ("note", "<i4", (NOTE_SIZE,)),
    ]
)


class RowEntry(NamedTuple):
    """An entry of a cache of rows.

    Attributes:
        ids: Id of each row, (rows,) int32.
        rows: The rows, (rows, C) float16.
        note: Integers of the caller, up to 8 of them.
    """

    ids: NDArray[np.int32]
    rows: NDArray[np.float16]
    note: Sequence[int]


class RowCache(Cache):
    """A cache whose entries are rows of C numbers, the setting ``channels``.

    One process at a time adds entries; any number may read those that are there.
    """

    def __init__(self, folder: str | Path, manifest: dict[str, Any]) -> None:
        super().__init__(folder, manifest)
        self._maps: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None
        self._order: NDArray[np.int64] | None = None
        self._misplaced: NDArray[np.int64] | None = None

    @property
    def _num_columns(self) -> int:
        # Not read before the kind is checked: caches of other kinds do not have it.
        return int(self.manifest["settings"]["channels"])

    def __len__(self) -> int:
        """Return the number of entries."""
        path = self.folder / INDEX
        return path.stat().st_size // _RECORD.itemsize if path.is_file() else 0

    def __contains__(self, key: str) -> bool:
        """Return whether there is an entry of a key."""
        return self._find(key) is not None

    def count_entries(self) -> int:
        """Return the number of entries, for the manifest."""
        return len(self)

    def repair(self) -> int:
        """Drop what an interrupted writer has left, and return the number of entries.

        Entries whose rows are missing, as after a power failure, are dropped as well.
        """
        self._close()
        records = self._read_records()
        num_columns = self._num_columns
        num_rows = min(
            _size(self.folder / ROWS) // (2 * num_columns), _size(self.folder / IDS) // 4
        )
        whole = records[records["start"] + records["count"] <= num_rows]
        if len(whole) * _RECORD.itemsize != _size(self.folder / INDEX):
            write_whole(self.folder / INDEX, whole.tobytes())
        end = int((whole["start"] + whole["count"]).max(initial=0))
        for name, width in ((ROWS, 2 * num_columns), (IDS, 4)):
            with (self.folder / name).open("ab") as file:
                file.truncate(end * width)
        return len(whole)

    def append(self, entries: Sequence[tuple[str, RowEntry]]) -> None:
        """Add entries by their keys, which must be new.

        Raises:
            ValueError: If rows do not have C columns or are not finite as float16.
        """
        records = np.zeros(len(entries), dtype=_RECORD)
        start = _size(self.folder / IDS) // 4
        for place, (key, entry) in enumerate(entries):
            check_rows(key, entry, self._num_columns)
            padded = [*entry.note, *[0] * (NOTE_SIZE - len(entry.note))]
            records[place] = (hash_key(key), start, len(entry.rows), 0, padded)
            records[place]["checksum"] = _sum(records[place], entry.ids, entry.rows)
            start += len(entry.rows)
        parts = (
            (ROWS, [entry.rows for _, entry in entries]),
            (IDS, [np.asarray(entry.ids, dtype=np.int32) for _, entry in entries]),
            (INDEX, [records]),  # last: it says that the others are whole
        )
        for name, arrays in parts:
            with (self.folder / name).open("ab") as file:
                for array in arrays:
                    file.write(array.tobytes())
        self._close()

    def sort(self) -> None:
        """Order the index by key, so that readers need no copy of it."""
        self._close()
        records = self._read_records()
        write_whole(self.folder / INDEX, np.sort(records, order="key").tobytes())

    def read_rows(self, key: str) -> RowEntry:
        """Read an entry.

        Raises:
            FileNotFoundError: If there is no such entry.
            BrokenFileError: If its rows are not those that were written.
        """
        place = self._find(key)
        if place is None:
            raise FileNotFoundError(
                f"No entry {key} in {self.folder}, a cache of kind {self.manifest['kind']} with "
                f"{len(self)} entries; {self.describe_remedy()}"
            )
        index, rows, ids = self._open_maps()
        record = index[place]
        part = slice(int(record["start"]), int(record["start"]) + int(record["count"]))
        if self._misplaced is None:
            self._misplaced = _find_misplaced(index, min(len(rows), len(ids)))
        if place not in self._misplaced:  # else a record may claim the rows of all entries
            entry = RowEntry(np.array(ids[part]), np.array(rows[part]), record["note"].tolist())
            if _sum(record, entry.ids, entry.rows) == record["checksum"]:
                return entry
        raise BrokenFileError(
            f"The entry {key} in {ROWS}, {IDS} or {INDEX} of {self.folder} is damaged. Delete "
            f"the folder, then {self.describe_remedy()}"
        )

    def _find(self, key: str) -> int | None:
        index, _, _ = self._open_maps()
        number = hash_key(key)
        place = int(np.searchsorted(index["key"], number, sorter=self._order))
        if place == len(index):
            return None
        place = place if self._order is None else int(self._order[place])
        return place if index["key"][place] == number else None

    def _open_maps(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return index, rows and ids as memory maps, opened at the first use."""
        if self._maps is None:
            index = _map(self.folder / INDEX, _RECORD)
            rows = _map(self.folder / ROWS, np.dtype("<f2"))
            rows = rows[: len(rows) // self._num_columns * self._num_columns]
            rows = rows.reshape(-1, self._num_columns)
            self._maps = index, rows, _map(self.folder / IDS, np.dtype("<i4"))
            keys = index["key"]
            is_sorted = bool((keys[1:] >= keys[:-1]).all())
            self._order = None if is_sorted else np.argsort(keys, kind="stable")
        return self._maps

    def _read_records(self) -> NDArray[Any]:
        return np.array(_map(self.folder / INDEX, _RECORD))

    def _close(self) -> None:
        self._maps = self._order = self._misplaced = None


def check_rows(key: str, entry: RowEntry, num_columns: int) -> None:
    """Check rows before they are stored.

    Raises:
        ValueError: If they do not have this number of columns, one id each, and finite
            numbers.
    """
    rows = entry.rows
    if rows.dtype != np.float16 or rows.shape != (len(entry.ids), num_columns):
        raise ValueError(
            f"{key} must have float16 rows of shape {(len(entry.ids), num_columns)}, but got "
            f"{rows.dtype} of {rows.shape}."
        )
    if not np.isfinite(rows).all():
        raise ValueError(
            f"{key} has features that are not finite as 16-bit numbers, whose largest is 65504; "
            "check the weights of the teacher."
        )


def hash_key(key: str) -> int:
    """Return 64 bits that stand for a key in the index."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


def _sum(record: Any, ids: NDArray[np.int32], rows: NDArray[np.float16]) -> int:
    """Return the checksum of all that an entry says."""
    parts = record["key"], record["note"], np.asarray(ids, dtype=np.int32), rows
    return zlib.crc32(b"".join(part.tobytes() for part in parts))


def _find_misplaced(records: NDArray[Any], num_rows: int) -> NDArray[np.int64]:
    """Return the places of records whose rows reach into others or beyond the files."""
    starts = records["start"].astype(np.int64)
    counts = records["count"].astype(np.int64)
    order = np.lexsort((counts, starts))  # an entry without rows begins where the next does
    room = np.append(starts[order][1:], num_rows) - starts[order]
    room = np.minimum(room, num_rows - starts[order])
    wrong = (starts < 0) | (counts < 0)
    wrong[order] |= counts[order] > room
    return np.flatnonzero(wrong)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _map(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    number = _size(path) // dtype.itemsize
    if number == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(number,))
