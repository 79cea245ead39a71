"""Classes of nuScenes: of points (nuScenes-lidarseg) and of boxes."""

from perception_kd.datasets.semantic_labels import make_label_mapping
from perception_kd.structures import Indices

# Classes of points, in the devkit's order.
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

# The order in which an info file counts boxes, which is mmdet3d's.
NUSCENES_INFO_CLASSES = (
    "car",
    "truck",
    "trailer",
    "bus",
    "construction_vehicle",
    "bicycle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "barrier",
)

# The same classes in the order of CenterPoint's six tasks, which detectors learn.
NUSCENES_TASK_CLASSES = (
    "car",
    "truck",
    "construction_vehicle",
    "bus",
    "trailer",
    "barrier",
    "motorcycle",
    "bicycle",
    "pedestrian",
    "traffic_cone",
)

# Raw labels of each class of points; others below 32 are ignored.
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


def nuscenes_label_mapping() -> Indices:
    """Return the class of each of nuScenes-lidarseg's 32 labels.

    Returns:
        Index into ``NUSCENES_CLASSES``, ``IGNORE_INDEX``, or ``UNKNOWN_LABEL`` above
        31, by raw label (a byte), shape (256,).
    """
    # A class overwrites what is ignored.
    return make_label_mapping(_NUSCENES_RAW, NUSCENES_CLASSES, 256, ignored=range(32))
