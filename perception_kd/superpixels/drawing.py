"""Drawings of superpixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.images import find_borders

YELLOW = (255, 255, 0)


def draw_borders(
    image: NDArray[np.uint8],
    superpixels: NDArray[np.integer[Any]],
    color: tuple[int, int, int] = YELLOW,
) -> NDArray[np.uint8]:
    """Return a copy of an image with the borders of its superpixels.

    Args:
        image: RGB, shape (H, W, 3).
        superpixels: Ids, shape (H, W).
        color: RGB of the borders.
    """
    drawn = image.copy()
    drawn[find_borders(superpixels)] = color
    return drawn
