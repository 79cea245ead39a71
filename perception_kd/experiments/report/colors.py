"""Colors of the page: of classes, of distances, of similarities."""

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from nuscenes.utils.color_map import get_colormap

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES, nuscenes_label_mapping

Color = tuple[int, int, int]


def class_colors(classes: tuple[str, ...]) -> list[Color]:
    """Return an RGB color for each class: nuScenes-lidarseg's own for its classes.

    A class that joins several of nuScenes' 32 has the color of the first. Other data
    sets get twenty colors in turn.
    """
    if classes != NUSCENES_CLASSES:
        cycle = colormaps["tab20"](np.arange(len(classes)) % 20)[:, :3]
        return [_to_color(color) for color in (255 * cycle).round()]
    colors = list(get_colormap().values())
    mapping = nuscenes_label_mapping()
    return [_to_color(colors[(mapping == i).argmax()]) for i in range(len(classes))]


def color_ramp(name: str) -> list[Color]:
    """Return the 256 RGB colors of one of matplotlib's color maps."""
    return [_to_color(color) for color in (255 * colormaps[name](np.arange(256))[:, :3]).round()]


def as_hex(color: Color) -> str:
    """Return an RGB color as CSS writes it.

    Example:
        >>> as_hex((255, 158, 0))
        '#ff9e00'
    """
    return "#{:02x}{:02x}{:02x}".format(*color)


def _to_color(values: NDArray[np.float64] | Color) -> Color:
    red, green, blue = (int(value) for value in values)
    return red, green, blue
