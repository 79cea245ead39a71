"""Classes of SemanticKITTI's points."""

from collections.abc import Mapping

import numpy as np

from perception_kd.datasets.semantic_labels import make_label_mapping
from perception_kd.structures import Indices

SEMANTICKITTI_CLASSES = (
    "car",
    "bicycle",
    "motorcycle",
    "truck",
    "other-vehicle",
    "person",
    "bicyclist",
    "motorcyclist",
    "road",
    "parking",
    "sidewalk",
    "other-ground",
    "building",
    "fence",
    "vegetation",
    "trunk",
    "terrain",
    "pole",
    "traffic-sign",
)

# Raw labels of each class. The first one stands for the class in a submission.
_SEMANTICKITTI_RAW = {
    "car": [10, 252],
    "bicycle": [11],
    "motorcycle": [15],
    "truck": [18, 258],
    "other-vehicle": [20, 13, 16, 256, 257, 259],
    "person": [30, 254],
    "bicyclist": [31, 253],
    "motorcyclist": [32, 255],
    "road": [40, 60],
    "parking": [44],
    "sidewalk": [48],
    "other-ground": [49],
    "building": [50],
    "fence": [51],
    "vegetation": [70],
    "trunk": [71],
    "terrain": [72],
    "pole": [80],
    "traffic-sign": [81],
}

# Unlabeled, outlier, other structure, other object.
_IGNORED = (0, 1, 52, 99)


def semantickitti_label_mapping(labels: Mapping[str, int] | None = None) -> Indices:
    """Return the class of each of SemanticKITTI's labels (single scans, 19 classes).

    Moving objects belong to the class of the object. The stored labels carry the
    instance in the high 16 bits: look up ``label & 0xFFFF``.

    Args:
        labels: Not used: SemanticKITTI has no table of labels.

    Returns:
        Index into ``SEMANTICKITTI_CLASSES``, ``IGNORE_INDEX``, or ``UNKNOWN_LABEL`` for
        a number that is not a label, by raw label, shape (260,).
    """
    return make_label_mapping(_SEMANTICKITTI_RAW, SEMANTICKITTI_CLASSES, 260, _IGNORED)


def semantickitti_raw_labels() -> Indices:
    """Return the raw label that a submission to SemanticKITTI has for each class.

    Returns:
        Raw label by index into ``SEMANTICKITTI_CLASSES``, shape (19,).
    """
    return np.array([_SEMANTICKITTI_RAW[name][0] for name in SEMANTICKITTI_CLASSES])
