"""A file of a data set that something is made from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputFile:
    """One file of a data set that gets an entry in a cache.

    Attributes:
        key: Name of the entry.
        path: Path of the file.
    """

    key: str
    path: str
