"""Classes of nuScenes: of points (nuScenes-lidarseg) and of boxes."""

from collections.abc import Mapping

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

# Categories of nuScenes-lidarseg: their place is the raw label of a point.
NUSCENES_CATEGORIES = (
    "noise",
    "animal",
    "human.pedestrian.adult",
    "human.pedestrian.child",
    "human.pedestrian.construction_worker",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer",
    "human.pedestrian.stroller",
    "human.pedestrian.wheelchair",
    "movable_object.barrier",
    "movable_object.debris",
    "movable_object.pushable_pullable",
    "movable_object.trafficcone",
    "static_object.bicycle_rack",
    "vehicle.bicycle",
    "vehicle.bus.bendy",
    "vehicle.bus.rigid",
    "vehicle.car",
    "vehicle.construction",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.motorcycle",
    "vehicle.trailer",
    "vehicle.truck",
    "flat.driveable_surface",
    "flat.other",
    "flat.sidewalk",
    "flat.terrain",
    "static.manmade",
    "static.other",
    "static.vegetation",
    "vehicle.ego",
)

# Categories of each class; those not listed are ignored. The first one stands for the
# class where a data set names the class itself as its category.
_CLASS_CATEGORIES = {
    "barrier": ("movable_object.barrier",),
    "bicycle": ("vehicle.bicycle",),
    "bus": ("vehicle.bus.rigid", "vehicle.bus.bendy"),
    "car": ("vehicle.car",),
    "construction_vehicle": ("vehicle.construction",),
    "motorcycle": ("vehicle.motorcycle",),
    "pedestrian": (
        "human.pedestrian.adult",
        "human.pedestrian.child",
        "human.pedestrian.construction_worker",
        "human.pedestrian.police_officer",
    ),
    "traffic_cone": ("movable_object.trafficcone",),
    "trailer": ("vehicle.trailer",),
    "truck": ("vehicle.truck",),
    "driveable_surface": ("flat.driveable_surface",),
    "other_flat": ("flat.other",),
    "sidewalk": ("flat.sidewalk",),
    "terrain": ("flat.terrain",),
    "manmade": ("static.manmade",),
    "vegetation": ("static.vegetation",),
}
_CLASS_OF_CATEGORY = {
    category: name for name, group in _CLASS_CATEGORIES.items() for category in (name, *group)
}


def full_category(name: str) -> str:
    """Return nuScenes' category of a class, such as "vehicle.car" of "car".

    Args:
        name: Name of a category, or of a class of points or boxes.

    Returns:
        The category; names that are not a class are returned as they are.
    """
    return _CLASS_CATEGORIES[name][0] if name in _CLASS_CATEGORIES else name


def box_class(category: str) -> str | None:
    """Return the class of boxes of a category, or None if it has none.

    Args:
        category: Category of nuScenes, or the name of a class.
    """
    name = _CLASS_OF_CATEGORY.get(category)
    return name if name in NUSCENES_INFO_CLASSES else None


def point_class(category: str) -> str | None:
    """Return the class of points of a category, or None if such points are ignored.

    Args:
        category: Category of nuScenes, or the name of a class.
    """
    return _CLASS_OF_CATEGORY.get(category)


def nuscenes_label_mapping(categories: Mapping[str, int] | None = None) -> Indices:
    """Return the class of each label of points in the format of nuScenes-lidarseg.

    Args:
        categories: Raw label by category, from the data set's own table; None means
            nuScenes' 32 categories.

    Returns:
        Index into ``NUSCENES_CLASSES``, ``IGNORE_INDEX``, or ``UNKNOWN_LABEL`` where
        the table has no such label, by raw label (a byte), shape (256,).
    """
    if categories is None:
        categories = {name: label for label, name in enumerate(NUSCENES_CATEGORIES)}
    raw: dict[str, list[int]] = {name: [] for name in NUSCENES_CLASSES}
    for category, label in categories.items():
        name = point_class(category)
        if name is not None:
            raw[name].append(label)
    return make_label_mapping(raw, NUSCENES_CLASSES, 256, ignored=categories.values())
