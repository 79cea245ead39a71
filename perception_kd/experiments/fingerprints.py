"""Fingerprints of files, by which a changed content is noticed."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

# So many files, such as checkpoints, are read again even if their times are unchanged.
NUM_READ_ALWAYS = 100
_CHUNK = 2**20


class Fingerprint(NamedTuple):
    """Size, times and hash of a file.

    Attributes:
        size: Size in bytes.
        mtime_ns: Time of the last change of the content in ns, which programs can set.
        ctime_ns: Time of the last change of content or attributes in ns, which the
            system sets.
        digest: Hash of the content, hexadecimal.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str

    @classmethod
    def parse(cls, row: Any) -> "Fingerprint | None":
        """Return a fingerprint from JSON; None if the row is not one."""
        types = (int, int, int, str)
        if not isinstance(row, list) or [type(value) for value in row] != list(types):
            return None
        return cls(*row)

    def has_times_of(self, path: str | Path) -> bool:
        """Return whether size and times are those of a file."""
        return self[:3] == _stat(path)


def take_fingerprint(path: str | Path) -> Fingerprint:
    """Return the fingerprint of a file."""
    stat = _stat(path)
    digest = hashlib.blake2b(digest_size=20)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return Fingerprint(*stat, digest.hexdigest())


def update_fingerprints(
    recorded: Mapping[str, Fingerprint], paths: Mapping[str, Path], *, quick: bool
) -> dict[str, Fingerprint]:
    """Return the fingerprints of files now.

    Args:
        recorded: Earlier fingerprints, by the name of the file.
        paths: Existing files, by name.
        quick: Read no file again that has the recorded size and times. If false, that
            holds only where there are more than ``NUM_READ_ALWAYS`` files.
    """
    trust_times = quick or len(paths) > NUM_READ_ALWAYS
    return {
        name: recorded[name]
        if trust_times and name in recorded and recorded[name].has_times_of(path)
        else take_fingerprint(path)
        for name, path in paths.items()
    }


def combine(fingerprints: Mapping[str, Fingerprint]) -> str:
    """Return one hash of the names and contents of files."""
    digest = hashlib.blake2b(digest_size=20)
    for name in sorted(fingerprints):
        digest.update(f"{name}\0{fingerprints[name].digest}\n".encode())
    return digest.hexdigest()


def _stat(path: str | Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
