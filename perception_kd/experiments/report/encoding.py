"""Arrays, images and colors as text of an HTML page."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from perception_kd.structures import Color, Image
from perception_kd.visualization.images import resize_to_width

JPEG_QUALITY = 82


def encode_array(array: NDArray[Any]) -> dict[str, Any]:
    """Encode an array as dtype, shape and base64 of its little-endian bytes."""
    array = np.ascontiguousarray(array)
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(data).decode("ascii"),
    }


def encode_image(image: Image, width: int) -> str:
    """Encode an image as the data URL of a JPEG.

    Args:
        image: RGB, shape (H, W, 3).
        width: Maximum width in px; wider images are scaled down.
    """
    if image.shape[1] > width:
        image = resize_to_width(image, width)
    return _encode(image, "jpeg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def encode_drawing(image: Image) -> str:
    """Encode an image with few colors losslessly, as the data URL of a PNG.

    Args:
        image: RGB, shape (H, W, 3).
    """
    return _encode(image, "png", [cv2.IMWRITE_PNG_COMPRESSION, 9])


def color_ramp(name: str) -> list[Color]:
    """Return the 256 RGB colors of one of matplotlib's color maps."""
    red_green_blue = (255 * colormaps[name](np.arange(256))[:, :3]).round().astype(int)
    return [(red, green, blue) for red, green, blue in red_green_blue.tolist()]


def as_hex(color: Sequence[int]) -> str:
    """Format an RGB color for CSS.

    Example:
        >>> as_hex((255, 158, 0))
        '#ff9e00'
    """
    red, green, blue = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def _encode(image: Image, kind: str, options: list[int]) -> str:
    _, data = cv2.imencode(f".{kind}", image[..., ::-1], options)
    return f"data:image/{kind};base64," + base64.b64encode(data.tobytes()).decode("ascii")
