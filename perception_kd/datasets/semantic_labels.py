"""Classes of points: from stored labels to trained classes.

Classes count from 0 without gaps, and ``IGNORE_INDEX`` marks points that all losses and
metrics ignore. The official evaluations count from 1 with 0 = ignored: add 1, and
replace ``IGNORE_INDEX`` by 0, before you pass predictions to them.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from perception_kd.structures import Indices

IGNORE_INDEX = 255
UNKNOWN_LABEL = -1  # in a mapping: a raw label that the data set does not have


def make_label_mapping(
    raw_labels: Mapping[str, Sequence[int]],
    classes: Sequence[str],
    length: int,
    ignored: Iterable[int] | None = None,
) -> Indices:
    """Return the class of each raw label.

    Args:
        raw_labels: Raw labels by name of their class.
        classes: Names of the classes, in order.
        length: One more than the largest raw label that files may have.
        ignored: Raw labels without a class; None means all others.

    Returns:
        Index into ``classes``, ``IGNORE_INDEX`` or ``UNKNOWN_LABEL`` by raw label,
        shape (length,).
    """
    others = IGNORE_INDEX if ignored is None else UNKNOWN_LABEL
    mapping = np.full(length, others, dtype=np.int64)
    mapping[list(ignored or ())] = IGNORE_INDEX
    for name, labels in raw_labels.items():
        mapping[list(labels)] = classes.index(name)
    return mapping
