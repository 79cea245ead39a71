"""Superpixel maps as lossless PNG files, for any number of segments and any size.

A pixel holds the id of its segment plus one, or zero without a segment. The files have
8 bits if that is enough, else 16, else three channels, of which red is the highest.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import Origin, check_origin, decode_origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.utils.checks import check_shape

KIND = "superpixels"
EXTENSION = ".png"
MAX_SEGMENTS = 2**24 - 1

# The first bytes of a PNG: height, width, bits per channel and type of color.
_HEADER = struct.Struct(">8s4x4sIIBB")
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_GRAY, _RGB = 0, 2
_HEADER_END, _KEYWORD, _MAX_NOTE = 33, b"origin\0", 4096
_LAYOUTS = {(8, _GRAY), (16, _GRAY), (8, _RGB)}

# SLIC makes about as many segments as it is asked to, other algorithms what they like.
_MAX_TIMES_ASKED, _ALWAYS_ALLOWED = 16, 4096

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


def decode_superpixels(
    data: bytes, path: str | Path, img_shape: tuple[int, int], max_segments: int = MAX_SEGMENTS
) -> Map:
    """Return a superpixel map from the bytes of a PNG.

    Args:
        data: Content of the file.
        path: Path of the file, for the error.
        img_shape: Height and width of its image in px.
        max_segments: Number of segments that the map may have at most; more than the
            pixels of the image are never accepted.

    Returns:
        Ids from 0, -1 for no segment, shape (H, W).

    Raises:
        BrokenFileError: If the file is truncated, not a PNG, of another size, or not a
            superpixel map: its ids are larger than any map's of this size.
    """
    channels = _check_header(data, path, img_shape)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != tuple(img_shape):
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    stored = pixels.astype(np.int32)
    if channels == 3:
        if (pixels == pixels[..., :1]).all():
            raise BrokenFileError(f"{path} is a gray image, not a superpixel map.")
        stored = stored[..., 0] + (stored[..., 1] << 8) + (stored[..., 2] << 16)
    limit = min(max_segments, stored.size)
    if stored.max() > limit:
        raise BrokenFileError(
            f"{path} has a segment with id {stored.max() - 1}, but a map of {stored.size:,} "
            f"pixels in this cache has at most {limit:,} segments: it is not a superpixel map."
        )
    return stored - np.int32(1)


def max_segments_of(cache: Cache) -> int:
    """Return how many segments a map in a cache may have, by the cache's settings."""
    asked = cache.manifest["settings"].get("num_segments")
    if not isinstance(asked, int):
        return MAX_SEGMENTS
    return max(_MAX_TIMES_ASKED * asked, _ALWAYS_ALLOWED)


def _check_header(data: bytes, path: str | Path, img_shape: tuple[int, int]) -> int:
    """Check the header of a map before it is decoded; return the number of channels."""
    if not (data.startswith(_PNG_START) and data.endswith(_PNG_END)) or len(data) < _HEADER.size:
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    _, kind, width, height, bits, color = _HEADER.unpack(data[: _HEADER.size])
    if kind != b"IHDR":
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    if (height, width) != tuple(img_shape):
        raise BrokenFileError(
            f"{path} must have the size of its image, {img_shape[0]}x{img_shape[1]}, but got "
            f"{height}x{width}: it was made from other images."
        )
    if (bits, color) not in _LAYOUTS:
        raise BrokenFileError(
            f"{path} must be a gray or RGB image of ids, but has {bits} bits per channel and PNG's "
            f"type of color {color}: it is not a superpixel map."
        )
    return 3 if color == _RGB else 1


def add_origin(data: bytes, origin: Origin) -> bytes:
    """Return the bytes of a PNG with its origin, in a text behind the header."""
    content = b"tEXt" + _KEYWORD + origin.encode()
    checksum = zlib.crc32(content).to_bytes(4, "big")
    chunk = (len(content) - 4).to_bytes(4, "big") + content + checksum
    return data[:_HEADER_END] + chunk + data[_HEADER_END:]


def read_origin(data: bytes) -> Origin | None:
    """Return the origin of the bytes of a PNG; None if it has none."""
    length = int.from_bytes(data[_HEADER_END : _HEADER_END + 4], "big")
    content = data[_HEADER_END + 4 : _HEADER_END + 8 + min(length, _MAX_NOTE)]
    if not content.startswith(b"tEXt" + _KEYWORD):
        return None
    return decode_origin(content[4 + len(_KEYWORD) :])


def load_superpixels(
    cache: Cache, key: str, img_shape: tuple[int, int], source: str | Path | None = None
) -> Map:
    """Return the superpixel map of an image from a cache.

    Args:
        cache: Opened with ``Cache.open(folder, KIND)``.
        key: Token of the image.
        img_shape: Height and width of the image in px.
        source: File of the image, whose number of bytes is compared; None skips that.

    Returns:
        Ids from 0, -1 for no segment, shape (H, W).

    Raises:
        FileNotFoundError: If the cache has no such entry.
        BrokenFileError: If it is truncated, not a PNG, of another size, not a map, or
            was made from another image.
    """

    def decode(data: bytes, path: Path) -> Map:
        check_origin(read_origin(data), key, path, source)
        return decode_superpixels(data, path, img_shape, max_segments_of(cache))

    return cache.read(key, decode)
