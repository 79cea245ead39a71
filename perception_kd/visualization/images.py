"""Layout shared by all drawings: borders, sizes, grids."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Image

GAP = 8  # px between two images side by side


def find_borders(segments: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return the mask of pixels that differ from the one to the right or below.

    Args:
        segments: Segment of each pixel, shape (H, W).

    Returns:
        Shape (H, W).
    """
    borders = np.zeros(segments.shape, dtype=bool)
    borders[:, :-1] |= segments[:, :-1] != segments[:, 1:]
    borders[:-1] |= segments[:-1] != segments[1:]
    return borders


def resize_to_width(image: Image, width: int) -> Image:
    """Return an image scaled to a width in px."""
    height = round(image.shape[0] * width / image.shape[1])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def arrange_grid(tiles: Sequence[Image], columns: int) -> Image:
    """Return images of one width in rows; black fills what they leave free.

    Args:
        tiles: At least one image, row by row.
        columns: Images per row.
    """
    height = max(len(tile) for tile in tiles)
    padded = [np.pad(tile, ((0, height - len(tile)), (0, 0), (0, 0))) for tile in tiles]
    padded += [np.zeros_like(padded[0])] * (-len(padded) % columns)
    rows = [padded[i : i + columns] for i in range(0, len(padded), columns)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def place_side_by_side(left: Image, right: Image) -> Image:
    """Return two images of one height next to each other, with a white gap."""
    gap = np.full((len(left), GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
