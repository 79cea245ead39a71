"""Classes of boxes and points in the ``metainfo`` of a data set."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.datasets.catalog import find_data_set, get_data_set
from perception_kd.datasets.point_classes import default_classes, map_labels
from perception_kd.datasets.semantic_labels import IGNORE_INDEX
from perception_kd.structures import Indices, InfoEntry, Sample


def add_known_classes(metainfo: dict[str, Any], *, of_points: bool, of_boxes: bool) -> None:
    """Add the classes of a known data set where they are not set.

    Args:
        metainfo: Head of an info file with what a config adds, changed in place.
        of_points: Whether to add ``seg_classes``.
        of_boxes: Whether to add ``box_classes``: ``classes`` or those of the data set.

    Raises:
        ValueError: If classes of boxes are asked for and not known.
    """
    data_set = find_data_set(metainfo["dataset"])
    if data_set is not None and of_points:
        classes = default_classes(data_set, metainfo.get("point_labels"))
        metainfo.setdefault("seg_classes", classes)
    if data_set is not None and data_set.box_classes:
        metainfo.setdefault("classes", data_set.box_classes)
    if of_boxes:
        given = tuple(metainfo.get("classes", ()))
        metainfo["box_classes"] = given or get_data_set(metainfo["dataset"]).box_classes


def map_point_labels(
    metainfo: Mapping[str, Any], label_mapping: Mapping[int, int] | None
) -> Indices | None:
    """Return the class of each label of points, or None if it is unknown.

    Args:
        metainfo: Head of an info file with ``seg_classes`` where they are known.
        label_mapping: Class by label in place of the data set's; others are ignored.
    """
    if label_mapping is not None:
        length = max(255, *label_mapping) + 1
        mapping = np.full(length, IGNORE_INDEX, dtype=np.int64)
        mapping[list(label_mapping)] = list(label_mapping.values())
        return mapping
    data_set, classes = find_data_set(metainfo["dataset"]), metainfo.get("seg_classes")
    if data_set is None or classes is None:
        return None
    return map_labels(data_set, metainfo.get("point_labels"), classes)


def check_box_classes(
    ann_file: str,
    metainfo: Mapping[str, Any],
    entries: Iterable[InfoEntry],
    samples: Sequence[Sample],
) -> None:
    """Check that boxes have one of the classes, unless there are no boxes.

    Args:
        ann_file: Path of the info file, for the error.
        metainfo: Its head, with ``box_classes``.
        entries: Entries of the info file.
        samples: The same as samples, with ``instances``.

    Raises:
        ValueError: If no box has one.
    """
    if any((sample["instances"]["labels_3d"] >= 0).any() for sample in samples):
        return
    labels = [box["bbox_label_3d"] for raw in entries for box in raw.get("instances", [])]
    if not labels:
        return
    names = {label: name for name, label in metainfo["categories"].items() if label >= 0}
    found = Counter(names.get(label, "others") for label in labels).most_common()
    raise ValueError(
        f"{ann_file}: no box has one of the classes {', '.join(metainfo['box_classes'])}; there "
        f"are {', '.join(f'{name} ({number})' for name, number in found)}: choose with --classes."
    )
