"""Data of a car before their conversion."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """Data that a command of ``tools/create_data.py`` converts.

    The module ``source`` of a package in the catalog has ``recognize(root, out,
    version)``, which returns this for data of its kind, and None for others.

    Attributes:
        kind: Name of the command.
        root: Folder of the data, or the file of a bag.
        options: Options of the command, without ``--out-dir`` and ``--workers``.
        data_root: Folder of the sensor data; relative to that of the info files where
            the conversion writes it.
        has_workers: Whether the command has ``--workers``.
    """

    kind: str
    root: Path
    options: tuple[str, ...]
    data_root: Path
    has_workers: bool = True
