"""Images as users have them, to the type and layout that a training loads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from perception_kd.structures import Image


def read_images(imgs: Any, name: str = "imgs") -> list[Image]:
    """Return images as a training loads them.

    Args:
        imgs: V images, RGB, uint8: an array (V, H, W, 3), a tensor (V, 3, H, W), or a
            list of arrays (H, W, 3) or tensors (3, H, W), which may differ in size. One
            image alone is a single view.
        name: Name of the argument, for errors.

    Returns:
        V images, each (H, W, 3).

    Raises:
        ValueError: If the type, the shape, the channels or the values cannot be right.

    Example:
        >>> [img.shape for img in read_images(np.zeros((2, 4, 6, 3), np.uint8))]
        [(4, 6, 3), (4, 6, 3)]
        >>> read_images(np.zeros((2, 4, 6, 3)))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: imgs must be uint8 in 0..255, but image 0 is float64 in 0..0: ...
    """
    if not isinstance(imgs, Sequence) and getattr(imgs, "ndim", 0) == 3:
        imgs = [imgs]
    if isinstance(imgs, str) or not hasattr(imgs, "__len__"):
        raise ValueError(
            f"{name} must be images as arrays or tensors, but is a {type(imgs).__name__}."
        )
    if len(imgs) == 0:
        raise ValueError(f"{name} has no image.")
    return [_read_image(img, f"image {view}", name) for view, img in enumerate(imgs)]


def _read_image(img: Any, which: str, name: str) -> Image:
    is_tensor = isinstance(img, Tensor)
    values = img.numpy(force=True) if is_tensor else img
    if not isinstance(values, np.ndarray):
        raise ValueError(
            f"{name} must be arrays or tensors, but {which} is a {type(img).__name__}."
        )
    if values.ndim != 3:
        raise ValueError(
            f"{name} must have three channels, RGB, but {which} has shape {values.shape}."
        )
    first = is_tensor if values.shape[0] == values.shape[2] else values.shape[0] == 3
    values = np.moveaxis(values, 0, 2) if first else values
    if values.shape[2] != 3:
        hint = "; leave the fourth out: imgs[..., :3]" if values.shape[2] == 4 else ""
        raise ValueError(
            f"{name} must have three channels, RGB, as (H, W, 3) or (3, H, W), but {which} has "
            f"shape {img.shape if not is_tensor else tuple(img.shape)}{hint}."
        )
    if 0 in values.shape:
        raise ValueError(f"{name}: {which} has no pixels, its shape is {values.shape}.")
    if values.dtype != np.uint8:
        raise ValueError(
            f"{name} must be uint8 in 0..255, but {which} is {values.dtype} in {values.min():g}.."
            f"{values.max():g}: multiply by 255 if values are in 0..1, and convert: "
            '(255 * imgs).round().astype("uint8").'
        )
    return np.ascontiguousarray(values)
