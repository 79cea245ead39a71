"""Classes of points by name: official ones, own categories, and parts of either."""

import numpy as np
import pytest

from perception_kd.datasets.catalog import get_data_set
from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.point_classes import default_classes, map_labels
from perception_kd.datasets.semantic_labels import UNKNOWN_LABEL

NUSCENES, KITTI = get_data_set("nuscenes"), get_data_set("semantickitti")
OWN = {"void": 3, "rail": 200, "tram": 0, "vehicle.car": 7}


def test_official_classes_are_the_default() -> None:
    assert default_classes(NUSCENES, None) == NUSCENES_CLASSES
    assert default_classes(NUSCENES, OWN) == NUSCENES_CLASSES
    mapping = map_labels(NUSCENES, OWN, NUSCENES_CLASSES)
    assert NUSCENES_CLASSES[mapping[7]] == "car"
    assert mapping[3] == 255


def test_a_table_without_official_classes_gives_its_own() -> None:
    assert default_classes(NUSCENES, {"rail": 4, "tram": 0}) == ("tram", "rail")


def test_convention_chosen_classes_have_the_order_of_the_choice() -> None:
    mapping = map_labels(NUSCENES, OWN, ["rail", "car", "tram"])
    assert mapping.shape == (256,)
    assert [mapping[label] for label in (200, 7, 0, 3, 4)] == [0, 1, 2, 255, UNKNOWN_LABEL]


def test_a_category_that_is_chosen_itself_leaves_its_class() -> None:
    table = {"vehicle.bus.rigid": 1, "vehicle.bus.bendy": 2}
    assert map_labels(NUSCENES, table, ["bus", "vehicle.bus.bendy"])[1:3].tolist() == [0, 1]


def test_some_official_classes_can_be_chosen_without_a_table() -> None:
    mapping = map_labels(KITTI, None, ["road", "car"])
    # 10 and 252 are car, 40 and 60 road, 0 unlabeled, 81 another class, 2 no label.
    assert mapping[[10, 252, 40, 60]].tolist() == [1, 1, 0, 0]
    assert mapping[[0, 81, 2]].tolist() == [255, 255, UNKNOWN_LABEL]
    assert np.array_equal(
        map_labels(KITTI, None, KITTI.seg_classes), KITTI.make_label_mapping(None)
    )


@pytest.mark.parametrize("table", [None, OWN])
def test_classes_that_no_label_has_are_refused(table: dict[str, int] | None) -> None:
    with pytest.raises(ValueError, match="seg_classes has boat, which no point label uses"):
        map_labels(NUSCENES, table, ["car", "boat"])
