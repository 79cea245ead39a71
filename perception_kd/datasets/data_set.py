"""Description of a data set: its classes, label mapping, splits and submission."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perception_kd.datasets.submission import Submission
from perception_kd.structures import Indices


@dataclass(frozen=True)
class DataSet:
    """Description of a data set.

    Attributes:
        seg_classes: Names of the classes of points, in order.
        make_label_mapping: Returns the class of each raw label of a point, from
            ``metainfo["point_labels"]``: labels by category where the data set has a
            table of them, else None.
        split_scenes: Returns the names of the scenes of a version's split, from both
            names; raises a ``ValueError`` that lists the splits.
        make_submission: Returns the writer of a submission of point classes, from its
            folder, the data set's version and entries of the submission's ``meta``.
        box_classes: Names of the classes that detectors learn by default.
        class_of_category: Returns the class that a category of the table of point
            labels belongs to, or None; without it, categories are only themselves.
        has_devkit_boxes: Whether nuScenes' devkit scores boxes by the tables of the
            data set; otherwise the truth is that of the info file.
        versions: Names of the versions, which are folders of the data set; empty where
            its converter has no ``--version``.
    """

    seg_classes: tuple[str, ...]
    make_label_mapping: Callable[[Mapping[str, int] | None], Indices]
    split_scenes: Callable[[str, str], list[str]]
    make_submission: Callable[[str | Path, str, Mapping[str, bool] | None], Submission]
    box_classes: tuple[str, ...] = ()
    has_devkit_boxes: bool = False
    versions: tuple[str, ...] = ()
    class_of_category: Callable[[str], str | None] | None = None
