"""Result of the conversion of a data set to info files."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # --help needs none of it
    from perception_kd.calibration.extrinsics import Extrinsics
    from perception_kd.io.info_writer import InfoExcerpt

_WARNED_SHARE = 0.05


class Absence(NamedTuple):
    """Something that a part of a data set lacks.

    Attributes:
        text: A sentence that counts and names it.
        share: How much of the whole lacks it, 0 .. 1.
    """

    text: str
    share: float


@dataclass
class Converted:
    """Result of a conversion.

    Attributes:
        paths: Info file by split.
        num_samples: Number of samples by split.
        skipped: Reason by name of each scene that is in no file.
        num_missing_sweeps: Number of sweeps in the tables whose files are missing.
        remarks: Sentences on what was left out, filled in or looks wrong.
        warnings: The same where it is much, or probably a fault.
        excerpts: A few samples of each info file.
        extrinsics: What the extrinsics of a camera were read from, by its name.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    num_samples: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    num_missing_sweeps: int = 0
    remarks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    excerpts: list["InfoExcerpt"] = field(default_factory=list)
    extrinsics: dict[str, "Extrinsics"] = field(default_factory=dict)

    def add_absences(self, absences: Iterable[Absence]) -> None:
        """Add what is lacking to the warnings if it is much, else to the remarks."""
        for absence in absences:
            lines = self.warnings if absence.share >= _WARNED_SHARE else self.remarks
            lines.append(absence.text)


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


def add_calibration_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out :func:`check_calibration`."""
    parser.add_argument(
        "--no-calibration-check",
        action="store_true",
        help="write no verdict on the calibration of the cameras, which takes seconds",
    )


def check_calibration(
    args: argparse.Namespace, converted: Converted, data_root: str | Path
) -> None:
    """Log a verdict on each camera, with drawings beside the info files.

    Args:
        args: Has the option of :func:`add_calibration_option`.
        converted: Result of the conversion.
        data_root: Folder of the data set.

    Raises:
        ValueError: If the extrinsics of a camera are certainly those of another
            direction.
    """
    if args.no_calibration_check:
        return
    # Imported here: --help needs none of it.
    from perception_kd.calibration.report import report_calibration

    excerpts = converted.excerpts
    folder = excerpts[0].path.parent
    verdicts = report_calibration(excerpts, data_root, folder, converted.extrinsics)
    inverted = [f"{x.advice} {x.camera} {x.text}." for x in verdicts if x.is_inverted]
    if inverted:
        raise ValueError(
            f"{' '.join(inverted)} The info files are written, but their points do not fit the "
            "images: convert again, or leave this check out with --no-calibration-check."
        )
