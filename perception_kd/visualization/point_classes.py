"""Classes of LiDAR points drawn in BEV: predictions beside the ground truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from perception_kd.structures import Color, Image
from perception_kd.visualization.boxes import to_bev_pixels
from perception_kd.visualization.images import place_side_by_side

# Colors of nuScenes-lidarseg, as its devkit draws them. A class that merges several of
# its 32 categories has the color of the first.
NUSCENES_COLORS: dict[str, Color] = {
    "barrier": (112, 128, 144),
    "bicycle": (220, 20, 60),
    "bus": (255, 127, 80),
    "car": (255, 158, 0),
    "construction_vehicle": (233, 150, 70),
    "motorcycle": (255, 61, 99),
    "pedestrian": (0, 0, 230),
    "traffic_cone": (47, 79, 79),
    "trailer": (255, 140, 0),
    "truck": (255, 99, 71),
    "driveable_surface": (0, 207, 191),
    "other_flat": (175, 0, 75),
    "sidewalk": (75, 0, 75),
    "terrain": (112, 180, 60),
    "manmade": (222, 184, 135),
    "vegetation": (0, 175, 0),
}
# Paler than the color of any class.
NO_CLASS_COLOR: Color = (225, 225, 225)
_DOT = 2  # px


def class_colors(classes: Sequence[str]) -> list[Color]:
    """Return an RGB color for each class.

    nuScenes' classes have the colors of its devkit; classes of other data sets get the
    twenty colors of matplotlib's ``tab20`` in turn.
    """
    if all(name in NUSCENES_COLORS for name in classes):
        return [NUSCENES_COLORS[name] for name in classes]
    table = (255 * np.array(colormaps["tab20"].colors)).round().astype(int)  # type: ignore[attr-defined]
    # The strong shades first, then their pale twins.
    order = [*range(0, 20, 2), *range(1, 20, 2)]
    return [tuple(table[order[i % 20]].tolist()) for i in range(len(classes))]


def draw_point_classes(
    points: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    radius: float = 50.0,
    size: int = 800,
) -> Image:
    """Draw points in BEV in the colors of their classes, x to the right and y up.

    Higher points cover lower ones, and points with a class those without.

    Args:
        points: Points in LiDAR coordinates in m, x, y, z first, shape (N, 3 or more).
        labels: Index into ``classes`` of each point, shape (N,); any other value means
            no class.
        classes: Names of the classes.
        radius: Half the edge of the area shown, in m.
        size: Edge of the image in px.

    Returns:
        RGB, shape (size, size, 3).
    """
    palette = np.array([*class_colors(classes), NO_CLASS_COLOR], np.uint8)
    known = (labels >= 0) & (labels < len(classes))
    color = palette[np.where(known, labels, len(classes))]
    order = np.lexsort((points[:, 2], known))
    return paint_points_bev(points[order], color[order], radius, size)


def paint_points_bev(
    points: NDArray[np.floating[Any]], colors: NDArray[np.uint8], radius: float, size: int
) -> Image:
    """Paint points in BEV as dots on white, later ones over earlier ones.

    Args:
        points: x, y in m in LiDAR coordinates first, shape (N, 2 or more).
        colors: RGB of each point, shape (N, 3).
        radius: Half the edge of the area shown, in m.
        size: Edge of the image in px.

    Returns:
        RGB, shape (size, size, 3).
    """
    cells = to_bev_pixels(points[:, :2], radius, size)[:, ::-1]
    image = np.full((size, size, 3), 255, np.uint8)
    for row, column in np.ndindex(_DOT, _DOT):
        pixels = cells + np.array([row, column])
        inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
        image[tuple(pixels[inside].T)] = colors[inside]
    return image


def compare_point_classes(
    points: NDArray[np.floating[Any]],
    predicted: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
    classes: Sequence[str],
    radius: float = 50.0,
    size: int = 800,
) -> Image:
    """Draw the ground truth and, right of it, the prediction.

    Args:
        points: Points in LiDAR coordinates in m, x, y, z first, shape (N, 3 or more).
        predicted: Index into ``classes`` of each point, shape (N,).
        truth: Same shape; None to draw the prediction alone.
        classes: Names of the classes.
        radius: Half the edge of the area shown, in m.
        size: Edge of each of the two images in px.

    Returns:
        RGB, shape (size, 2 * size + GAP, 3), or (size, size, 3) without ``truth``.
    """
    right = draw_point_classes(points, predicted, classes, radius, size)
    if truth is None:
        return right
    return place_side_by_side(draw_point_classes(points, truth, classes, radius, size), right)
