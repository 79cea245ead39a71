"""Classes of the points: from labels as stored to classes as trained.

Classes count from 0 without gaps, and ``IGNORE_INDEX`` marks points that no loss and no
metric looks at. The official evaluations count from 1 with 0 = ignored: add 1, and turn
``IGNORE_INDEX`` into 0, before handing predictions to them.
"""

import numpy as np
from numpy.typing import NDArray

IGNORE_INDEX = 255

NUSCENES_CLASSES = (
    "barrier",
    "bicycle",
    "bus",
    "car",
    "construction_vehicle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "trailer",
    "truck",
    "driveable_surface",
    "other_flat",
    "sidewalk",
    "terrain",
    "manmade",
    "vegetation",
)

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

# Raw labels of each class; those not listed are ignored.
_NUSCENES_RAW = {
    "barrier": [9],
    "bicycle": [14],
    "bus": [15, 16],
    "car": [17],
    "construction_vehicle": [18],
    "motorcycle": [21],
    "pedestrian": [2, 3, 4, 6],
    "traffic_cone": [12],
    "trailer": [22],
    "truck": [23],
    "driveable_surface": [24],
    "other_flat": [25],
    "sidewalk": [26],
    "terrain": [27],
    "manmade": [28],
    "vegetation": [30],
}
# The first of a class is the one that stands for it in a submission.
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


def nuscenes_label_mapping() -> NDArray[np.int64]:
    """Return the class of each of nuScenes-lidarseg's 32 labels.

    Returns:
        Index into ``NUSCENES_CLASSES`` or ``IGNORE_INDEX`` by raw label (a byte), shape
        (256,).
    """
    return _make_mapping(_NUSCENES_RAW, NUSCENES_CLASSES, 256)


def semantickitti_label_mapping() -> NDArray[np.int64]:
    """Return the class of each of SemanticKITTI's labels (single scans, 19 classes).

    Moving things count as things. The stored labels carry the instance in the high 16
    bits: look up ``label & 0xFFFF``.

    Returns:
        Index into ``SEMANTICKITTI_CLASSES`` or ``IGNORE_INDEX`` by raw label, shape
        (260,).
    """
    return _make_mapping(_SEMANTICKITTI_RAW, SEMANTICKITTI_CLASSES, 260)


def semantickitti_raw_labels() -> NDArray[np.int64]:
    """Return the raw label that a submission to SemanticKITTI has for each class.

    Returns:
        Raw label by index into ``SEMANTICKITTI_CLASSES``, shape (19,).
    """
    return np.array([_SEMANTICKITTI_RAW[name][0] for name in SEMANTICKITTI_CLASSES])


def _make_mapping(
    raw_labels: dict[str, list[int]], classes: tuple[str, ...], length: int
) -> NDArray[np.int64]:
    mapping = np.full(length, IGNORE_INDEX, dtype=np.int64)
    for name, labels in raw_labels.items():
        mapping[labels] = classes.index(name)
    return mapping
