"""Superpixel maps as lossless PNG files, for any number of segments and any size.

A pixel holds the id of its segment plus one, or zero without a segment. The files have
8 bits if that is enough, else 16, else three channels, of which red is the highest.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.utils.checks import check_shape

KIND = "superpixels"
EXTENSION = ".png"
MAX_SEGMENTS = 2**24 - 1

# The chunk at the end of every complete PNG.
_PNG_END = b"IEND\xaeB`\x82"

# A third less to store and to decode than OpenCV's default; higher levels decode
# slower.
_COMPRESSION = (cv2.IMWRITE_PNG_COMPRESSION, 3)

Map = NDArray[np.int32]


def relabel(segments: NDArray[np.integer[Any]]) -> Map:
    """Renumber segments from 0 without gaps, in the order of their ids.

    Args:
        segments: Any integer ids, shape (H, W); negative for no segment.

    Returns:
        The same segments, shape (H, W); -1 for no segment.

    Raises:
        ValueError: If ``segments`` is not a matrix of integers.
    """
    check_shape("segments", segments, ("H", "W"))
    if not np.issubdtype(segments.dtype, np.integer):
        raise ValueError(f"segments must have integer ids, but got {segments.dtype}.")
    if segments.size and segments.max() > MAX_SEGMENTS:  # a table of all ids would be too large
        ids = np.unique(segments[segments >= 0])
        segments = np.where(segments >= 0, np.searchsorted(ids, segments), -1)
    ids = np.maximum(segments, -1).ravel() + np.int64(1)
    present = np.bincount(ids, minlength=1) > 0
    present[0] = True  # for no segment
    new_ids = np.cumsum(present, dtype=np.int32) - 2
    new_ids[0] = -1
    return new_ids[ids].reshape(segments.shape)


def encode_superpixels(superpixels: Map) -> bytes:
    """Return a superpixel map as the bytes of a PNG.

    Args:
        superpixels: Ids from 0, -1 for no segment, shape (H, W).

    Raises:
        ValueError: If there is no pixel, or an id is below -1 or has over 24 bits.
    """
    check_shape("superpixels", superpixels, ("H", "W"))
    if not superpixels.size:
        raise ValueError(f"superpixels must have pixels, but got shape {superpixels.shape}.")
    if superpixels.min() < -1 or superpixels.max() >= MAX_SEGMENTS:
        raise ValueError(
            f"superpixels must have ids from -1 to {MAX_SEGMENTS - 1}, but got "
            f"{superpixels.min()} to {superpixels.max()}; relabel them."
        )
    stored = superpixels.astype(np.uint32) + np.uint32(1)  # -1 wraps around to 0
    if stored.max() < 2**8:
        pixels = stored.astype(np.uint8)
    elif stored.max() < 2**16:
        pixels = stored.astype(np.uint16)
    else:  # OpenCV writes the channels in reverse, so that the high byte is red
        pixels = np.stack([stored, stored >> 8, stored >> 16], axis=-1).astype(np.uint8)
    return cv2.imencode(EXTENSION, pixels, _COMPRESSION)[1].tobytes()


def decode_superpixels(data: bytes, path: str | Path, img_shape: tuple[int, int]) -> Map:
    """Return a superpixel map from the bytes of a PNG.

    Args:
        data: Content of the file.
        path: Path of the file, for the error.
        img_shape: Height and width of its image in px.

    Returns:
        Ids from 0, -1 for no segment, shape (H, W).

    Raises:
        BrokenFileError: If the file is truncated, not a PNG or of another size.
    """
    is_whole = data.endswith(_PNG_END)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if is_whole else None
    if pixels is None:
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    if pixels.shape[:2] != tuple(img_shape):
        raise BrokenFileError(
            f"{path} must have the size of its image, {img_shape[0]}x{img_shape[1]}, but got "
            f"{pixels.shape[0]}x{pixels.shape[1]}: it was made from other images."
        )
    stored = pixels.astype(np.int32)
    if stored.ndim == 3:
        stored = stored[..., 0] + (stored[..., 1] << 8) + (stored[..., 2] << 16)
    return stored - np.int32(1)


def load_superpixels(cache: Cache, key: str, img_shape: tuple[int, int]) -> Map:
    """Return the superpixel map of an image from a cache.

    Args:
        cache: Opened with ``Cache.open(folder, KIND)``.
        key: Token of the image.
        img_shape: Height and width of the image in px.

    Returns:
        Ids from 0, -1 for no segment, shape (H, W).

    Raises:
        FileNotFoundError: If the cache has no such entry.
        BrokenFileError: If it is truncated, not a PNG or of another size.
    """
    return cache.read(key, lambda data, path: decode_superpixels(data, path, img_shape))
