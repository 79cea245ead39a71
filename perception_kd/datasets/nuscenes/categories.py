"""Categories of a data set in nuScenes' format, compared with the known classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.labels import (
    NUSCENES_CATEGORIES,
    NUSCENES_INFO_CLASSES,
    box_class,
    full_category,
    point_class,
)
from perception_kd.datasets.nuscenes.table_fields import complete_record, describe

_MAX_LABEL = 255  # a label of a point is one byte


def make_categories(records: Sequence[Record]) -> dict[str, int]:
    """Return the index that boxes of each category have in an info file.

    Args:
        records: Records of the category table.

    Returns:
        Index of the ten classes, further indices of categories that nuScenes does not
        have, in the order of the table, and -1 for nuScenes' categories without a
        class. A category named as a class is that class.
    """
    classes = {name: index for index, name in enumerate(NUSCENES_INFO_CLASSES)}
    others = [x["name"] for x in records if box_class(x["name"]) is None]
    own = [name for name in dict.fromkeys(others) if is_own_category(name)]
    return (
        classes
        | dict.fromkeys(others, -1)
        | {name: index for index, name in enumerate(own, start=len(classes))}
    )


def check_box_categories(folder: Path, num_boxes: Mapping[str, int]) -> None:
    """Check that some of the boxes can be learned.

    Args:
        folder: Folder of the tables.
        num_boxes: Number of boxes by category.

    Raises:
        ValueError: If there are boxes, all of nuScenes' categories without a class.
    """
    if num_boxes and not any(box_class(x) or is_own_category(x) for x in num_boxes):
        raise ValueError(
            f"{folder / 'category.json'}: no box has a category with a class: "
            f"{count_words(num_boxes)}. Use nuScenes' other categories or names of your own, or "
            "leave boxes out with --no-boxes."
        )


def is_own_category(name: str) -> bool:
    """Return whether a category is neither one of nuScenes' nor merged into one."""
    return box_class(name) is None and full_category(name) not in NUSCENES_CATEGORIES


def read_point_labels(folder: Path, records: Sequence[Record]) -> dict[str, int]:
    """Return the label of points of each category.

    Args:
        folder: Folder of the tables.
        records: Records of the category table.

    Raises:
        ValueError: If a record has no label, a wrong one or that of another, or there
            is not a record.
    """
    labels: dict[str, int] = {}
    for record in records:
        where = describe(folder, "category", complete_record(folder, "category", record))
        if "index" not in record:
            raise ValueError(
                f"{where} it has no field 'index', the label of its points; use the category.json "
                "of nuScenes-lidarseg, or remove lidarseg.json."
            )
        index, name = record["index"], record["name"]
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= _MAX_LABEL:
            raise ValueError(f"{where} index must be in 0 .. {_MAX_LABEL}, but it is {index!r}.")
        if index in labels.values() or name in labels:
            raise ValueError(f"{where} another category has the same name or index, {index}.")
        labels[name] = index
    if not labels:
        raise ValueError(
            f"{folder / 'category.json'} has no category, so that labels of points have no "
            "meaning; add the table of these labels, or remove lidarseg.json."
        )
    return labels


def own_labels_without_class(names: Iterable[str]) -> list[str]:
    """Return the categories without a class of points that nuScenes does not have."""
    return [x for x in names if point_class(x) is None and x not in NUSCENES_CATEGORIES]


def count_words(counts: Mapping[str, int]) -> str:
    """Return names with their counts, the most frequent first."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(f"{name} ({count})" for name, count in rows)
