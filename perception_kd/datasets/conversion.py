"""Result of the conversion of a data set to info files."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Converted:
    """Result of a conversion.

    Attributes:
        paths: Info file by split.
        num_samples: Number of samples by split.
        skipped: Reason by name of each scene that is in no file.
        num_missing_sweeps: Number of sweeps in the tables whose files are missing.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    num_samples: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    num_missing_sweeps: int = 0
