"""Classes of the points: from labels as stored to classes as trained.

Classes count from 0 without gaps, and ``IGNORE_INDEX`` marks points that no loss and no
metric looks at. The official evaluations count from 1 with 0 = ignored: add 1, and turn
``IGNORE_INDEX`` into 0, before handing predictions to them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.structures import Indices

IGNORE_INDEX = 255


def make_label_mapping(
    raw_labels: Mapping[str, Sequence[int]], classes: Sequence[str], length: int
) -> Indices:
    """Return the class of each raw label.

    Args:
        raw_labels: Raw labels by name of their class.
        classes: Names of the classes, in order.
        length: One more than the largest raw label that files may have.

    Returns:
        Index into ``classes`` or ``IGNORE_INDEX`` by raw label, shape (length,).
    """
    mapping = np.full(length, IGNORE_INDEX, dtype=np.int64)
    for name, labels in raw_labels.items():
        mapping[list(labels)] = classes.index(name)
    return mapping
