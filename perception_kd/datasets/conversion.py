"""Result of the conversion of a data set to info files."""

from collections.abc import Iterable
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
        remarks: Sentences on what was left out, filled in or looks wrong.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    num_samples: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    num_missing_sweeps: int = 0
    remarks: list[str] = field(default_factory=list)


def find_stale_files(out_dir: Path, prefix: str, splits: Iterable[str]) -> list[str]:
    """Return a sentence on each info file of a split that was not written.

    Args:
        out_dir: Folder of the info files.
        prefix: Prefix of their names.
        splits: Splits of which the conversion found no sample.
    """
    paths = [out_dir / f"{prefix}_infos_{split}.pkl" for split in splits]
    return [
        f"{path} is of an earlier conversion: this one has no sample of it. Remove it, or choose "
        "another --out-dir or --prefix."
        for path in paths
        if path.is_file()
    ]
