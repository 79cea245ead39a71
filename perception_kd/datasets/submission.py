"""Interface of submissions to an official evaluation of point classes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from perception_kd.io.atomic import write_whole
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.structures import Indices


class Submission(Protocol):
    """Writer of the files that a data set's official evaluation reads."""

    num_classes: int

    def write(self, sample: Mapping[str, Any], classes: Indices) -> str:
        """Write the classes of all points of a sweep's file; return the evaluation set.

        Args:
            sample: Data sample as a dict, with the meta keys of ``docs/sample.md``.
            classes: Class of each row of the file, in [0, C), shape (N,).
        """

    def finish(self, parts: Iterable[str]) -> list[str]:
        """Write the files per evaluation set, given what ``write`` returned.

        Returns:
            A sentence on each set that lacks samples.
        """


def describe_missing(parts: Iterable[str], official: Mapping[str, int]) -> list[str]:
    """Return a sentence on each evaluation set that lacks samples.

    Args:
        parts: The set of each sample of a submission.
        official: Number of samples of each set.
    """
    return [
        f"The submission has {count} of the {official[part]} samples of {part}; it is incomplete."
        for part, count in sorted(Counter(parts).items())
        if count < official.get(part, 0)
    ]


def write_labels(root: Path, path: Path, labels: NDArray[Any]) -> None:
    """Write labels as raw bytes, whole or not at all.

    Args:
        root: Folder of the submission.
        path: File in it, whose folder is made.
        labels: One per point.
    """
    make_inner_folder(root, path.parent)
    write_whole(path, labels.tobytes())
