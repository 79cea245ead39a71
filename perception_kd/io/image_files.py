"""Reader of images."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image as PillowImage

from perception_kd.io.bounded import read_bounded
from perception_kd.io.errors import MISSING_REMEDY, BrokenFileError
from perception_kd.io.png import PNG_START, is_whole_png
from perception_kd.structures import Image

MAX_PIXELS = 2**26
_SKIP = 'or skip such samples with on_error="skip"'
_TAIL = 64  # bytes in which a file that is not cut off has its end marker
# As stored: the calibration belongs to the pixels, whatever a tag says about them.
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


class _Header(NamedTuple):
    height: int
    width: int
    has_8_bits: bool


def read_image(path: str | Path, size: tuple[int, int] | None = None) -> Image:
    """Read a JPEG or PNG file as RGB, shape (H, W, 3).

    Decoders fill the missing part of a truncated image with gray; here it is an error.
    A JPEG that is damaged inside, or cut off and closed again with an end marker,
    decodes without an error and cannot be distinguished from a whole one. Gray images
    get three equal channels; transparency and tags of orientation are ignored.

    Args:
        path: The file.
        size: Height and width that the image must have in px; None means any.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the file is truncated, not an image, has more than 8 bits
            per channel, or is of another size.
    """
    data = read_bounded(path, "image", MISSING_REMEDY)
    header = _read_header(data)
    if header is None or not _is_complete(data):
        raise _broken(path, data)
    found = header.height, header.width
    if not header.has_8_bits:
        raise BrokenFileError(
            f"{path} has more than 8 bits per channel; convert the images to 8 bits, {_SKIP}."
        )
    if size is not None and found != tuple(size):
        raise BrokenFileError(
            f"{path} must have {size[0]}x{size[1]} px (height x width) as in the info file, but "
            f"has {found[0]}x{found[1]}: the intrinsics would not fit. Copy the original image, "
            "or correct the size and intrinsics in the tables and make the info file again."
        )
    if header.height * header.width > MAX_PIXELS:
        raise BrokenFileError(
            f"{path} claims {found[0]}x{found[1]} px (height x width), more than {MAX_PIXELS:,} "
            f"px altogether. Copy the file again, {_SKIP}."
        )
    img = None if data.startswith(PNG_START) and not is_whole_png(data) else _decode(data)
    if img is None or img.shape[:2] != found:
        raise _broken(path, data)
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def has_deep_channels(image: PillowImage.Image, data: bytes) -> bool:
    """Return whether an image has more than 8 bits per channel, which no reader takes.

    Args:
        image: The image; its pixels need not be read.
        data: The first bytes of its file, 25 or more.
    """
    is_deep_png = data.startswith(PNG_START) and data[24] > 8  # Pillow calls some of them RGB
    return image.mode.startswith(("I", "F")) or is_deep_png


def read_image_shape(path: str | Path) -> tuple[int, int]:
    """Return the height and width in px that an image file states.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is not an image.
    """
    data = read_bounded(path, "image", MISSING_REMEDY)
    header = _read_header(data)
    if header is None:
        raise _broken(path, data)
    return header.height, header.width


def is_whole_file(path: Path) -> bool:
    """Return whether a JPEG or PNG file has its end, mostly from its last bytes."""
    with path.open("rb") as file:
        start = file.read(len(PNG_START))
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read()
    return _is_complete(start + tail) or _is_complete(path.read_bytes())


def _broken(path: str | Path, data: bytes) -> BrokenFileError:
    return BrokenFileError(
        f"{path} is truncated or not an image ({len(data)} bytes). Copy the file again, {_SKIP}."
    )


def _read_header(data: bytes) -> _Header | None:
    """Return the header of an image, or None if the file is not an image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size, which is checked by the caller
            with PillowImage.open(BytesIO(data)) as header:
                width, height = header.size
                deep = has_deep_channels(header, data)
    except PillowImage.DecompressionBombError:
        return _Header(MAX_PIXELS, MAX_PIXELS, has_8_bits=True)
    except Exception:  # broken bytes raise nearly anything
        return None
    return _Header(height, width, has_8_bits=not deep)


def _decode(data: bytes) -> Image | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED)  # type: ignore[return-value]
    except cv2.error:
        return None


def _is_complete(data: bytes) -> bool:
    """Return whether a JPEG or PNG has its end marker; others count as complete."""
    if data.startswith(b"\xff\xd8"):  # end of image after the last start of scan
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(PNG_START):
        return b"IEND" in data[-_TAIL:]
    return True
