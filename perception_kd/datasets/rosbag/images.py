"""Files of the images of Image and CompressedImage messages."""

from io import BytesIO
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image as PillowImage

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.png import is_whole_png

# Channels of an encoding, and how OpenCV makes blue, green and red of them.
_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgr8": (3, None),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "mono8": (1, None),
    "bayer_rggb8": (1, cv2.COLOR_BayerRGGB2BGR),
    "bayer_bggr8": (1, cv2.COLOR_BayerBGGR2BGR),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGBRG2BGR),
    "bayer_grbg8": (1, cv2.COLOR_BayerGRBG2BGR),
}
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}
FORMATS: dict[str, tuple[int, ...]] = {
    "png": (cv2.IMWRITE_PNG_COMPRESSION, 1),  # all levels keep every value; this one is fast
    "jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
}


class EncodedImage(NamedTuple):
    """Content of a file.

    Attributes:
        data: Its bytes.
        suffix: ``.jpg`` or ``.png``.
        size: Width and height in px.
    """

    data: bytes
    suffix: str
    size: tuple[int, int]


def keep_compressed(message: Any) -> EncodedImage:
    """Return a CompressedImage as it is stored; a mosaic in colors.

    Raises:
        BrokenFileError: If it is neither JPEG nor whole PNG of 8 bits per channel.
    """
    data = bytes(message.data)
    try:
        with PillowImage.open(BytesIO(data)) as image:
            suffix, size, mode = _SUFFIXES.get(image.format or ""), image.size, image.mode
    except Exception:  # damaged bytes make the library fail in any way
        suffix, size, mode = None, (0, 0), ""
    if suffix is None:
        raise BrokenFileError(
            f"its format {message.format!r} is neither JPEG nor PNG; republish it as one of these"
        )
    if mode.startswith("I"):
        raise BrokenFileError(
            f"its format {message.format!r} has more than 8 bits per channel; republish it with 8"
        )
    if suffix == ".png" and not is_whole_png(data):
        raise BrokenFileError("its PNG is cut off or damaged; record it again")
    encoding = str(message.format).partition(";")[0].strip()
    if mode == "L" and suffix == ".png" and encoding.startswith("bayer") and encoding in _ENCODINGS:
        mosaic = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        colors = cv2.cvtColor(mosaic, _ENCODINGS[encoding][1] or 0)
        data = cv2.imencode(suffix, colors, FORMATS["png"])[1].tobytes()
    return EncodedImage(data, suffix, size)


def encode_raw(message: Any, image_format: str) -> EncodedImage:
    """Return the file of an Image.

    Args:
        message: An Image of 8 bits per channel.
        image_format: "png" keeps every value, "jpg" is smaller.

    Raises:
        BrokenFileError: If the encoding is not supported, or the bytes do not fit.
    """
    if message.encoding not in _ENCODINGS:
        raise BrokenFileError(
            f"its encoding {message.encoding!r} is not one of {', '.join(_ENCODINGS)}; republish "
            "it in one of these"
        )
    channels, conversion = _ENCODINGS[message.encoding]
    height, width, step = int(message.height), int(message.width), int(message.step)
    row = width * channels
    if not height or not width or step < row or len(message.data) < step * (height - 1) + row:
        raise BrokenFileError(
            f"it has {len(message.data)} bytes, but {width}x{height} px of {message.encoding} need "
            f"{row * height} (step {step})"
        )
    shape, strides = (height, width, channels), (step, channels, 1)
    pixels: Any = np.ndarray(shape, np.uint8, np.ascontiguousarray(message.data), strides=strides)
    pixels = np.ascontiguousarray(pixels)
    suffix = f".{image_format}"
    try:
        if conversion is not None:
            pixels = cv2.cvtColor(pixels, conversion).astype(np.uint8, copy=False)
        done, data = cv2.imencode(suffix, pixels, FORMATS[image_format])
    except cv2.error as error:  # such as more pixels along an axis than the format allows
        raise BrokenFileError(
            f"its {width}x{height} px cannot be written as {image_format}: {error.err}"
        ) from error
    if not done:
        raise BrokenFileError(f"it cannot be written as {image_format}")
    return EncodedImage(data.tobytes(), suffix, (width, height))
