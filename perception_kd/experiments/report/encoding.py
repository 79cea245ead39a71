"""Arrays and pictures as text that a page can carry."""

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 82


def encode_array(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as its type, shape and base64 of its bytes, little-endian."""
    array = np.ascontiguousarray(array)
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": base64.b64encode(data).decode("ascii"),
    }


def encode_picture(picture: NDArray[np.uint8], width: int) -> str:
    """Return a picture as a data URL.

    Args:
        picture: RGB, shape (H, W, 3).
        width: Width in px that it is shrunk to where it is wider.
    """
    if picture.shape[1] > width:
        height = round(picture.shape[0] * width / picture.shape[1])
        resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture = np.asarray(resized, np.uint8)
    return _encode(picture, "jpeg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def encode_drawing(picture: NDArray[np.uint8]) -> str:
    """Return a picture of few colors as a data URL, exactly as it is.

    Args:
        picture: RGB, shape (H, W, 3).
    """
    return _encode(picture, "png", [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _encode(picture: NDArray[np.uint8], kind: str, options: list[int]) -> str:
    _, data = cv2.imencode(f".{kind}", picture[..., ::-1], options)
    return f"data:image/{kind};base64," + base64.b64encode(data.tobytes()).decode("ascii")
