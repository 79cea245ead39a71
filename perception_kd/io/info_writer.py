"""Writing of info files, one sample at a time."""

import copy
import os
import pickle
from array import array
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from perception_kd.io.atomic import open_whole
from perception_kd.io.info_file import COORDINATES, INFO_SCHEMA_VERSION, set_info_root
from perception_kd.io.stored_samples import pack_table
from perception_kd.structures import InfoEntry
from perception_kd.version import __version__

# In protocol 3 every stored object names its memo slot. Pickles can then be joined:
# each fills the slots that it reads, whatever the one before left there.
_PROTOCOL = 3
_MAX_EXCERPT = 16  # samples


class InfoExcerpt(NamedTuple):
    """Some or all samples of an info file.

    Attributes:
        path: The file.
        metainfo: Its metainfo, as :func:`~perception_kd.io.info_file.read_info` returns
            it.
        samples: Entries spread evenly over the file, in its order.
        num_samples: Number of all its samples.
    """

    path: Path
    metainfo: dict[str, Any]
    samples: list[InfoEntry]
    num_samples: int


def make_metainfo(dataset: str, version: str, command: str, **others: Any) -> dict[str, Any]:
    """Return the metainfo of an info file.

    Args:
        dataset: Name of the data set, such as ``nuscenes``.
        version: Version of the data set.
        command: Shell command that makes the file again.
        **others: Further entries, such as ``categories`` and ``data_prefix``.
    """
    stamp = {
        "dataset": dataset,
        "version": version,
        "info_version": "1.1",
        "schema_version": INFO_SCHEMA_VERSION,
        "coordinates": COORDINATES,
        "created_by": f"perception_kd {__version__}",
        "command": command,
    }
    return stamp | others


class InfoWriter:
    """Write an info file one sample at a time, with only a few samples in memory.

    Use it as a context manager: the file appears when the block ends without an error,
    and not at all otherwise.

    Args:
        path: File to write; its folder is created.
        metainfo: From :func:`make_metainfo`.

    Attributes:
        num_samples: Number of samples written so far.
    """

    def __init__(self, path: str | Path, metainfo: dict[str, Any]) -> None:
        self.path = Path(path)
        self.num_samples = 0
        self._metainfo = metainfo
        self._stack = ExitStack()
        self._starts = array("q")
        self._kept: list[InfoEntry] = []
        self._num_imaged, self._stride = 0, 1

    def __enter__(self) -> "InfoWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._stack.enter_context(open_whole(self.path))
        self._file.write(pickle.PROTO + bytes([_PROTOCOL]) + pickle.EMPTY_DICT)
        self._file.write(_body("metainfo") + _body(self._metainfo) + pickle.SETITEM)
        self._file.write(_body("data_list") + pickle.EMPTY_LIST)
        return self

    def append(self, sample: InfoEntry) -> None:
        """Write the next sample."""
        self._starts.append(self._file.tell())
        self._file.write(_body(sample) + pickle.APPEND)
        self.num_samples += 1
        if sample.get("images"):
            self._keep(sample)

    @property
    def excerpt(self) -> InfoExcerpt:
        """Up to 16 of the samples with images that were written so far."""
        metainfo = copy.deepcopy(self._metainfo)
        set_info_root(metainfo, self.path)
        return InfoExcerpt(self.path, metainfo, self._kept[:], self.num_samples)

    def _keep(self, sample: InfoEntry) -> None:
        """Keep every n-th sample, where n doubles as the file grows."""
        if self._num_imaged % self._stride == 0:
            if len(self._kept) == _MAX_EXCERPT:
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._num_imaged % self._stride == 0:
                self._kept.append(sample)
        self._num_imaged += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            end = self._file.tell()
            self._file.write(pickle.SETITEM + pickle.STOP + pack_table([*self._starts, end]))
            self._file.flush()
            os.fsync(self._file.fileno())
        self._stack.__exit__(exc_type, exc, traceback)


def write_info(
    path: str | Path, metainfo: dict[str, Any], samples: Iterable[InfoEntry]
) -> InfoExcerpt:
    """Write an info file from a stream of samples.

    Args:
        path: File to write; an earlier file is replaced when all samples are written.
        metainfo: From :func:`make_metainfo`.
        samples: Any iterable; a generator is not collected in memory.

    Returns:
        A few of the samples, and their number.
    """
    with InfoWriter(path, metainfo) as writer:
        for sample in samples:
            writer.append(sample)
    return writer.excerpt


def _body(value: Any) -> bytes:
    """Return a pickle without its protocol header and its stop opcode."""
    return pickle.dumps(value, protocol=_PROTOCOL)[2:-1]
