"""Superpixel maps as lossless PNG files, for any number of segments and any size.

A pixel holds the id of its segment plus one, or zero without a segment. The files have
8 bits if that is enough, else 16, else three channels, of which red is the highest.

Rows are stored unfiltered in one piece, so that a map is read by decompressing alone, a
third of the time that decoders of PNG take. Files of earlier versions have filters and
are decoded by OpenCV.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import Origin, check_origin, decode_origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.png import CHUNK_HEAD, PNG_START, is_whole_png, iterate_chunks
from perception_kd.utils.checks import check_shape

SUPERPIXELS = "superpixels"
SUPERPIXELS_EXTENSION = ".png"
MAX_SEGMENTS = 2**24 - 1

# The first bytes of a PNG: height, width, bits per channel and type of color.
_HEADER = struct.Struct(">8s4x4sIIBB")
_PNG_END = b"IEND\xaeB`\x82"
_GRAY, _RGB = 0, 2
_HEADER_END, _KEYWORD, _MAX_NOTE = 33, b"origin\0", 4096
_LAYOUTS = {(8, _GRAY), (16, _GRAY), (8, _RGB)}

# SLIC makes about as many segments as it is asked to, other algorithms what they like.
_MAX_TIMES_ASKED, _ALWAYS_ALLOWED = 16, 4096
# Every so many rows are looked at; of their pixels, 3 to 10 % differ from the one
# before in maps, 60 to 90 % in photographs, whose few values return again and again.
_LOOK_EVERY, _MOST_CHANGES, _MOST_RUNS = 16, 0.5, 4

_COMPRESSION = 6
_INTERLACED = 28

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
    height, width = stored.shape
    num_bytes = 1 if stored.max() < 2**8 else 2 if stored.max() < 2**16 else 3
    # The bytes of a number, the highest first, behind a zero for "no filter" per row.
    pixels = stored.astype(">u4").view(np.uint8).reshape(height, width, 4)[..., 4 - num_bytes :]
    rows = np.zeros((height, 1 + width * num_bytes), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    bits, color = (8, _RGB) if num_bytes == 3 else (8 * num_bytes, _GRAY)
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    body = zlib.compress(rows.data, _COMPRESSION)
    return PNG_START + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content).to_bytes(4, "big")
    return CHUNK_HEAD.pack(len(content), name) + content + checksum


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
    num_bytes = _check_header(data, path, img_shape)
    stored = _decompress(data, img_shape, num_bytes)
    if stored is None:
        stored = _decode_any(data, path, img_shape)
    limit = min(max_segments, stored.size)
    if stored.max() > limit:
        raise BrokenFileError(
            f"{path} has a segment with id {stored.max() - 1}, but a map of {stored.size:,} "
            f"pixels in this cache has at most {limit:,} segments: it is not a superpixel map."
        )
    rows = stored[::_LOOK_EVERY]
    changes = np.count_nonzero(rows[:, 1:] != rows[:, :-1])
    if changes > _MOST_CHANGES * rows.size and changes > _MOST_RUNS * (int(stored.max()) + 1):
        raise BrokenFileError(
            f"{path} has another segment at {changes / rows.size:.0%} of its pixels than beside "
            "them, as photographs do: it is not a superpixel map."
        )
    return np.subtract(stored, 1, dtype=np.int32)


def _decompress(
    data: bytes, img_shape: tuple[int, int], num_bytes: int
) -> NDArray[np.integer[Any]] | None:
    """Return the numbers (H, W) of a file written here; None for other files."""
    chunks = dict(_read_chunks(data))
    content, is_interlaced = chunks.get(b"IDAT"), data[_INTERLACED] != 0
    if content is None or b"IEND" not in chunks or is_interlaced:
        return None
    height, width = img_shape
    row_bytes = 1 + width * num_bytes
    try:
        decompressor = zlib.decompressobj()
        rows = decompressor.decompress(content, height * row_bytes + 1)
    except zlib.error:
        return None
    if len(rows) != height * row_bytes or not decompressor.eof:
        return None
    table = np.frombuffer(rows, np.uint8).reshape(height, row_bytes)
    pixels = table[:, 1:]
    if table[:, 0].any() or (num_bytes == 3 and (pixels == pixels[:, :1]).all()):
        return None
    if num_bytes == 1:
        return pixels
    parts = pixels.reshape(height, width, num_bytes).astype(np.int32)
    if num_bytes == 2:
        return (parts[..., 0] << 8) + parts[..., 1]
    return (parts[..., 0] << 16) + (parts[..., 1] << 8) + parts[..., 2]


def _read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parts of a PNG up to the first that is damaged or was there before."""
    seen = set[bytes]()
    for name, start, end in iterate_chunks(data):
        checksum = zlib.crc32(memoryview(data)[start - len(name) : end]).to_bytes(4, "big")
        if name in seen or data[end : end + 4] != checksum:
            return
        seen.add(name)
        yield name, data[start:end]


def _decode_any(
    data: bytes, path: str | Path, img_shape: tuple[int, int]
) -> NDArray[np.integer[Any]]:
    """Return the numbers (H, W) of any PNG."""
    pixels = None
    if is_whole_png(data):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != tuple(img_shape):
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    stored = pixels.astype(np.int32)
    if stored.ndim == 2:
        return stored
    if (pixels == pixels[..., :1]).all():
        raise BrokenFileError(f"{path} is a gray image, not a superpixel map.")
    return stored[..., 0] + (stored[..., 1] << 8) + (stored[..., 2] << 16)


def max_segments_of(cache: Cache) -> int:
    """Return the largest number of segments of a map, by the settings of its cache."""
    asked = cache.manifest["settings"].get("num_segments")
    if not isinstance(asked, int):
        return MAX_SEGMENTS
    return max(_MAX_TIMES_ASKED * asked, _ALWAYS_ALLOWED)


def _check_header(data: bytes, path: str | Path, img_shape: tuple[int, int]) -> int:
    """Check the header of a map before it is decoded; return the bytes per pixel."""
    if not (data.startswith(PNG_START) and data.endswith(_PNG_END)) or len(data) < _HEADER.size:
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
    return 3 if color == _RGB else bits // 8


def add_origin(data: bytes, origin: Origin) -> bytes:
    """Return the bytes of a PNG with its origin, in a text behind the header."""
    content = b"tEXt" + _KEYWORD + origin.encode()
    checksum = zlib.crc32(content).to_bytes(4, "big")
    chunk = (len(content) - 4).to_bytes(4, "big") + content + checksum
    return data[:_HEADER_END] + chunk + data[_HEADER_END:]


def read_origin(data: bytes, path: str | Path) -> Origin | None:
    """Return the origin of the bytes of a PNG; None if it has none.

    Raises:
        BrokenFileError: If it has a damaged one, or is cut off in it.
    """
    length = int.from_bytes(data[_HEADER_END : _HEADER_END + 4], "big")
    content = data[_HEADER_END + 4 : _HEADER_END + 8 + min(length, _MAX_NOTE)]
    if not content.startswith(b"tEXt" + _KEYWORD):
        return None
    if len(data) < _HEADER_END + 8 + length:
        raise BrokenFileError(f"{path} is truncated or not a PNG ({len(data)} bytes).")
    return decode_origin(content[4 + len(_KEYWORD) :], path)


def load_superpixels(
    cache: Cache, key: str, img_shape: tuple[int, int], source: str | Path | None = None
) -> Map:
    """Return the superpixel map of an image from a cache.

    Args:
        cache: Opened with ``Cache.open(folder, SUPERPIXELS)``.
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
        check_origin(read_origin(data, path), key, path, source)
        return decode_superpixels(data, path, img_shape, max_segments_of(cache))

    return cache.read(key, decode)
