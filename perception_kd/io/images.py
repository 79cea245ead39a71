"""Image files that appear whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from perception_kd.io.atomic import write_whole
from perception_kd.structures import Image


def write_image(path: str | Path, image: Image, options: Sequence[int] = ()) -> None:
    """Write an image whole or not at all; OpenCV would not say that a disk is full.

    Args:
        path: File to write, in a folder that exists; its extension is the format.
        image: RGB, shape (H, W, 3), or gray, shape (H, W).
        options: OpenCV's flags and values of the format.

    Raises:
        OSError: If it cannot be written; names the file.
    """
    pixels = image[..., ::-1] if image.ndim == 3 else image
    write_whole(path, cv2.imencode(Path(path).suffix, pixels, list(options))[1].tobytes())
