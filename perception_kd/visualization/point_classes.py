"""Pictures of LiDAR segmentation from above: the truth, and what was predicted."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from perception_kd.visualization.boxes import to_bev_pixels
from perception_kd.visualization.maps import GAP

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

# Paler than any class.
NO_CLASS_COLOR: Color = (225, 225, 225)
_DOT = 2  # px


def class_colors(num_classes: int) -> list[Color]:
    """Return an RGB color for each class; after twenty they come again."""
    table = (255 * np.array(colormaps["tab20"].colors)).round().astype(int)  # type: ignore[attr-defined]
    # The strong shades first, then their pale twins.
    order = [*range(0, 20, 2), *range(1, 20, 2)]
    return [tuple(table[order[i % 20]].tolist()) for i in range(num_classes)]


def draw_point_classes(
    points: NDArray[np.floating[Any]],
    classes: NDArray[np.int64],
    num_classes: int,
    radius: float = 50.0,
    size: int = 800,
) -> Picture:
    """Return a cloud from above, x to the right and y up, in its classes' colors.

    Higher points cover lower ones.

    Args:
        points: In the LiDAR frame in m, x, y, z first, shape (N, 3 or more).
        classes: Class of each point, shape (N,); what is not in [0, C) is none.
        num_classes: C.
        radius: Half of the edge of what is shown, in m.
        size: Edge of the picture in px.

    Returns:
        RGB, shape (size, size, 3).
    """
    palette = np.array([*class_colors(num_classes), NO_CLASS_COLOR], np.uint8)
    known = (classes >= 0) & (classes < num_classes)
    color = palette[np.where(known, classes, num_classes)]
    cells = to_bev_pixels(points[:, :2], radius, size)[:, ::-1]
    picture = np.full((size, size, 3), 255, np.uint8)
    # What has no class lies below all.
    order = np.lexsort((points[:, 2], known))
    for row, column in np.ndindex(_DOT, _DOT):
        pixels = cells[order] + np.array([row, column])
        inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
        picture[tuple(pixels[inside].T)] = color[order][inside]
    return picture


def compare_point_classes(
    points: NDArray[np.floating[Any]],
    predicted: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
    num_classes: int,
    **view: Any,
) -> Picture:
    """Return the truth and, right of it, what was predicted; without truth, only that.

    Args:
        points: As in :func:`draw_point_classes`.
        predicted: Class of each point, shape (N,).
        truth: The same, or None.
        num_classes: C.
        **view: ``radius`` and ``size`` of each picture.
    """
    right = draw_point_classes(points, predicted, num_classes, **view)
    if truth is None:
        return right
    left = draw_point_classes(points, truth, num_classes, **view)
    return np.concatenate([left, np.full((len(left), GAP, 3), 255, np.uint8), right], axis=1)
