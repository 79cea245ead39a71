"""Samples of an info file, unpickled one at a time.

After the pickle of an info file, which other readers read to its end, follows a table:

===========  =====================================================================
starts       int64, one per sample: its first byte; then the end of the last sample
count        int64, the number of samples
mark         the bytes ``PKDTABLE``
===========  =====================================================================

All integers are little-endian. A file without it, which another program wrote, can only
be read whole.
"""

import io
import mmap
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.plain_pickle import PlainUnpickler
from perception_kd.structures import InfoEntry

_MARK = b"PKDTABLE"
_INTEGER = np.dtype("<i8")


def pack_table(starts: Sequence[int]) -> bytes:
    """Return the table that follows the pickle of an info file.

    Args:
        starts: First byte of each sample, and the end of the last.
    """
    return np.array([*starts, len(starts) - 1], _INTEGER).tobytes() + _MARK


def check_table(rest: bytes) -> None:
    """Check what follows the pickle of an info file, which may be nothing.

    Args:
        rest: The bytes.

    Raises:
        ValueError: If it is not a whole table.
    """
    if rest and not rest.endswith(_MARK):
        raise ValueError("its last bytes are missing")


class SamplesOnDisk(Sequence[InfoEntry]):
    """Samples that are unpickled at each access, so that memory holds one at a time.

    They are read from a memory map, which stays what it was if the file is replaced. A
    change of a sample is not kept.

    Args:
        data: Bytes of the info file.
        starts: First byte of each sample, and the end of the last, shape (N + 1,).
    """

    def __init__(self, data: mmap.mmap, starts: NDArray[np.int64]) -> None:
        self._data, self._starts = data, starts

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Return the samples of an info file; None if it has no table.

        Raises:
            OSError: If it cannot be read.
            ValueError: If the table does not fit the file.
        """
        with path.open("rb") as file:
            tail = _INTEGER.itemsize + len(_MARK)
            if file.seek(0, io.SEEK_END) <= tail:
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if data[-len(_MARK) :] != _MARK:
            return None
        count = int(np.frombuffer(data[-tail : -len(_MARK)], _INTEGER)[0])
        begin = len(data) - tail - (count + 1) * _INTEGER.itemsize
        if count < 0 or begin < 0:
            raise ValueError(f"its table of {count} samples is damaged")
        starts = np.frombuffer(data[begin:-tail], _INTEGER)
        if starts[0] < 0 or starts[-1] >= begin or (np.diff(starts) <= 0).any():
            raise ValueError(f"its table of {count} samples is damaged")
        return cls(data, starts)

    def head(self) -> Any:
        """Return the content of the file, with an empty list of samples."""
        return _unpickle(self._data[: self._starts[0]] + pickle.SETITEM)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> InfoEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[InfoEntry]: ...
    def __getitem__(self, index: int | slice) -> InfoEntry | list[InfoEntry]:
        """Return a sample, or a list of some.

        Raises:
            IndexError: If there is no such sample.
            pickle.UnpicklingError: If the file is damaged there.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        index %= len(self)
        stored = self._data[self._starts[index] : self._starts[index + 1]]
        if not stored.endswith(pickle.APPEND):
            raise pickle.UnpicklingError(f"sample {index} does not end where its table says")
        sample: InfoEntry = _unpickle(stored[: -len(pickle.APPEND)])
        return sample

    def __iter__(self) -> Iterator[InfoEntry]:
        """Yield all samples."""
        return (self[index] for index in range(len(self)))


def _unpickle(body: bytes) -> Any:
    """Unpickle plain data without its last opcode."""
    # The unpickler reads a stream that cannot be looked at ahead byte by byte.
    stream = io.BufferedReader(io.BytesIO(body + pickle.STOP), max(len(body) + 1, 16))
    return PlainUnpickler(stream).load()
