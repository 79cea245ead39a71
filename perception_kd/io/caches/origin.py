"""The input file that an entry of a cache was made from, noted in the entry.

Entries are named after a token. A file that was copied to another name, or whose input
changed since, is found by this note; entries of earlier versions have none.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.utils.checks import is_whole


class Origin(NamedTuple):
    """Input file that a cache entry was made from.

    Attributes:
        key: Key of the entry.
        num_bytes: Size of the input file.
        sha256: Digest of the input file.
    """

    key: str
    num_bytes: int
    sha256: str

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(self._asdict()).encode()


def measure_origin(key: str, source: str | Path) -> Origin:
    """Return the origin of an entry that is made from a file.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    data = Path(source).read_bytes()
    return Origin(key, len(data), hashlib.sha256(data).hexdigest())


def decode_origin(note: bytes, path: str | Path) -> Origin:
    """Return the origin from its JSON.

    Args:
        note: The JSON.
        path: Path of the entry, for the error.

    Raises:
        BrokenFileError: If it is not that of an origin.
    """
    try:
        fields = json.loads(note)
        origin = Origin(str(fields["key"]), fields["num_bytes"], str(fields["sha256"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        origin = None
    if origin is None or not is_whole(origin.num_bytes) or origin.num_bytes < 0:
        raise BrokenFileError(
            f"{path} is damaged: its note of the file it was made from cannot be read."
        )
    return origin


def load_origin(
    cache: Cache, key: str, read_origin: Callable[[bytes, Path], Origin | None]
) -> Origin | None:
    """Return the origin of an entry of a cache; None if it has none.

    Args:
        cache: Where the entry is.
        key: Its key.
        read_origin: Finds the origin in the bytes and path of such an entry.

    Raises:
        FileNotFoundError: If the cache has no such entry.
        BrokenFileError: If it is empty, or its origin damaged.
    """
    return cache.read(key, read_origin)


def check_origin(
    origin: Origin | None, key: str, path: str | Path, source: str | Path | None = None
) -> None:
    """Check that an entry is what its name says, by the size of its input at most.

    Args:
        origin: From the entry; None, as in entries of earlier versions, is accepted.
        key: Key by which the entry was asked for.
        path: Path of the entry, for the error.
        source: The input file; None skips its size.

    Raises:
        BrokenFileError: If it was made for another key, or from another file.
    """
    if origin is None:
        return
    if origin.key != key:
        raise BrokenFileError(
            f"{path} was made for {origin.key}, not for {key}: the files were renamed or mixed up."
        )
    try:
        num_bytes = None if source is None else os.path.getsize(source)
    except OSError:  # who reads the input names it
        return
    if num_bytes not in (None, origin.num_bytes):
        raise BrokenFileError(
            f"{path} was made from a file of {origin.num_bytes} bytes, but {source} has "
            f"{num_bytes}: it has been replaced since."
        )


def check_digest(origin: Origin | None, path: str | Path, source: str | Path) -> None:
    """Check that an entry was made from the present content of its input file.

    Args:
        origin: From the entry; None is accepted.
        path: Path of the entry, for the error.
        source: The input file.

    Raises:
        FileNotFoundError: If there is no input file.
        BrokenFileError: If the entry was made from another content.
    """
    if origin is not None and measure_origin(origin.key, source) != origin:
        raise BrokenFileError(
            f"{path} was made from other content than that of {source}, which has been replaced "
            "since."
        )
