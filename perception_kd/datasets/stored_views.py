"""Entries of a cache of a teacher's features, one per view of a sample."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.caches.rows import RowEntry
from perception_kd.io.errors import BrokenFileError

TEACHER = "teacher"
# What the rows of an entry are, besides means over superpixels: the cells of the map.
WHOLE_MAP = "map"


class StoredView(NamedTuple):
    """Part of an image that the teacher saw, and how its superpixels were then.

    Attributes:
        top, left, height, width: The crop in px of the stored image.
        is_mirrored: Whether the crop was mirrored left to right after resizing.
        map_height, map_width: Cells of the stored map; 0 for means over superpixels.
        checksum: Checksum of the superpixels in the crop; 0 where they play no part.
    """

    top: int
    left: int
    height: int
    width: int
    is_mirrored: int
    map_height: int = 0
    map_width: int = 0
    checksum: int = 0


def view_key(token: str, crop: int | None) -> str:
    """Return the key of a view: the token of its image, and the number of a crop.

    Args:
        token: Token of the image.
        crop: Number of the crop from 0; None for the whole image.
    """
    return f"{token}/{'whole' if crop is None else crop}"


def sum_superpixels(superpixels: NDArray[np.int32]) -> int:
    """Return the checksum of a map of ids, shape (H, W), as a signed integer."""
    unsigned = zlib.crc32(np.ascontiguousarray(superpixels, dtype="<i4").data)
    return int(np.array(unsigned, dtype=np.uint32).view(np.int32))


def spread_rows(entry: RowEntry, num_superpixels: int) -> NDArray[np.float16]:
    """Return the features of superpixels by their ids.

    Args:
        entry: Means over the superpixels that the crop has.
        num_superpixels: One more than the largest id.

    Returns:
        Shape (num_superpixels, C); zero for ids without a pixel.
    """
    feats = np.zeros((num_superpixels, entry.rows.shape[1]), dtype=np.float16)
    feats[entry.ids] = entry.rows
    return feats


def shape_map(entry: RowEntry) -> NDArray[np.float16]:
    """Return the stored map of a view, shape (C, h, w).

    Raises:
        BrokenFileError: If the entry does not have one row per cell.
    """
    view = StoredView(*entry.note)
    shape = view.map_height, view.map_width
    if len(entry.rows) != shape[0] * shape[1]:
        raise BrokenFileError(
            f"A stored map must have {shape[0]} x {shape[1]} cells, but has {len(entry.rows)} "
            "rows; delete the cache and make it again."
        )
    return np.ascontiguousarray(entry.rows.reshape(*shape, -1).transpose(2, 0, 1))


def unpack_views(entries: Sequence[RowEntry]) -> list[StoredView]:
    """Return the notes of entries as views."""
    return [StoredView(*entry.note) for entry in entries]
