"""Classes of points that a data set is trained with, and the mapping of its labels."""

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.datasets.data_set import DataSet
from perception_kd.datasets.semantic_labels import (
    IGNORE_INDEX,
    UNKNOWN_LABEL,
    make_label_mapping,
)
from perception_kd.structures import Indices


def default_classes(data_set: DataSet, point_labels: Mapping[str, int] | None) -> tuple[str, ...]:
    """Return the classes of points unless others are chosen.

    Args:
        data_set: Description of the data set.
        point_labels: Its own labels by category; None without a table of them.

    Returns:
        The official classes; if no label has one of these, the categories of the table
        in the order of their labels.
    """
    if not point_labels or _is_known(data_set.make_label_mapping(point_labels)).any():
        return data_set.seg_classes
    return tuple(sorted(point_labels, key=lambda name: point_labels[name]))


def map_labels(
    data_set: DataSet, point_labels: Mapping[str, int] | None, classes: Sequence[str]
) -> Indices:
    """Return the class of each label of points.

    Args:
        data_set: Description of the data set.
        point_labels: Its own labels by category; None without a table of them.
        classes: Names of the classes, in order: official ones or categories of the
            table. A category that is a class itself is not part of an official one.

    Returns:
        Index into ``classes``, ``IGNORE_INDEX`` or ``UNKNOWN_LABEL`` by label.

    Raises:
        ValueError: If a class is neither.
    """
    official = data_set.seg_classes
    if tuple(classes) == official:
        return data_set.make_label_mapping(point_labels)
    if point_labels is None:
        _check_names(classes, official)
        mapping = data_set.make_label_mapping(None)
        places = [classes.index(name) if name in classes else IGNORE_INDEX for name in official]
        return np.where(_is_known(mapping), np.take(places, mapping, mode="clip"), mapping)
    class_of = data_set.class_of_category or (lambda name: None)
    raw: dict[str, list[int]] = {name: [] for name in classes}
    for category, label in point_labels.items():
        name = category if category in raw else class_of(category)
        if name in raw:
            raw[name].append(label)
    _check_names([name for name, labels in raw.items() if not labels], point_labels)
    length = max(255, *point_labels.values()) + 1
    return make_label_mapping(raw, list(classes), length, ignored=point_labels.values())


def _is_known(mapping: Indices) -> Indices:
    return (mapping != IGNORE_INDEX) & (mapping != UNKNOWN_LABEL)


def _check_names(classes: Sequence[str], known: Mapping[str, int] | Sequence[str]) -> None:
    unknown = [name for name in classes if name not in known]
    if unknown:
        raise ValueError(
            f"metainfo.seg_classes has {', '.join(unknown)}, which no point label uses; the "
            f"data set has {', '.join(known)}."
        )
