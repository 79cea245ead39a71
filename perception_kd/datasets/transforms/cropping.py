"""Cutting and resizing images: the picture, its superpixels and its pairs.

Convention:
    - A pair moves by ``round((rc - corner) * scale)``, ties to even, which is SLidR's
      rule. The picture moves by the pixel centers, ``(rc + 0.5) * scale - 0.5``, so a
      pair lies up to 0.5 px from where its pixel's content is, plus 0.5 px of rounding.
    - Superpixels take the nearest pixel by ``floor(rc / scale)``, as torch's "nearest".
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.transforms.base import Mask, Sample, select_pairs

PixelIndices = NDArray[np.int64]
ScalarT = TypeVar("ScalarT", bound=np.generic)


class CropBox(NamedTuple):
    """A part of an image in px: its top row, left column, height and width."""

    top: int
    left: int
    height: int
    width: int


def move_pixels(
    rows_cols: PixelIndices, box: CropBox, size: tuple[int, int]
) -> tuple[PixelIndices, Mask]:
    """Return where pixels go when a part of the image is resized.

    Args:
        rows_cols: (row, col) in the whole image, shape (P, 2).
        box: The part.
        size: Height and width that it is resized to, in px.

    Returns:
        (row, col) in the resized part, and whether they are on it, shapes (P, 2), (P,).
    """
    scale = np.array([size[0] / box.height, size[1] / box.width])
    moved = np.rint((rows_cols - (box.top, box.left)) * scale).astype(np.int64)
    return moved, ((moved >= 0) & (moved < size)).all(axis=1)


def resize_image(
    img: NDArray[np.uint8], size: tuple[int, int], antialias: bool
) -> NDArray[np.uint8]:
    """Resize an image bilinearly.

    Args:
        img: Shape (H, W, 3).
        size: New height and width in px.
        antialias: Whether a pixel averages all that it covers. Without, it interpolates
            the four pixels nearest to its center, however much the image shrinks.
    """
    height, width = size
    if antialias:
        return np.asarray(Image.fromarray(img).resize((width, height), Image.Resampling.BILINEAR))
    return cv2.resize(img, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def resize_superpixels(superpixels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """Resize a map of ids, (H, W), to a height and width in px; no new id appears."""
    rows, cols = (
        np.arange(new) * old // new for new, old in zip(size, superpixels.shape, strict=True)
    )
    return superpixels[np.ix_(rows, cols)]


def crop_views(
    sample: Sample, boxes: Sequence[CropBox], size: tuple[int, int], antialias: bool
) -> Sample:
    """Cut a part out of each image, all resized to one size.

    Reads and writes: ``imgs``; ``superpixels``, ``pairing_*`` where present. Pairs that
    leave their image are dropped.

    Args:
        sample: The sample, left as it is.
        boxes: The part of each of the V views.
        size: Height and width in px afterwards.
        antialias: As in :func:`resize_image`.
    """
    cropped = dict(sample)
    cropped["imgs"] = [
        resize_image(_cut(img, box), size, antialias)
        for img, box in zip(sample["imgs"], boxes, strict=True)
    ]
    if "superpixels" in sample:
        cropped["superpixels"] = [
            resize_superpixels(_cut(superpixels, box), size)
            for superpixels, box in zip(sample["superpixels"], boxes, strict=True)
        ]
    if "pairing_images" not in sample:
        return cropped

    pairing_images = sample["pairing_images"].copy()
    keep = np.zeros(len(pairing_images), dtype=bool)
    for view, box in enumerate(boxes):
        of_view = pairing_images[:, 0] == view
        pairing_images[of_view, 1:], keep[of_view] = move_pixels(
            pairing_images[of_view, 1:], box, size
        )
    cropped["pairing_images"] = pairing_images
    return select_pairs(cropped, keep)


def _cut(array: NDArray[ScalarT], box: CropBox) -> NDArray[ScalarT]:
    return array[box.top : box.top + box.height, box.left : box.left + box.width]
