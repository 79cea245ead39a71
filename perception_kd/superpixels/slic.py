"""SLIC superpixels [1]: the implementation that SLidR [2] uses, and two faster ones.

- [1] SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, 2012
- [2] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
  https://arxiv.org/abs/2203.16258

All take an RGB image and the same settings and return segment ids. ``num_segments`` is
the number that SLIC aims at, not that of the result. Gaps in the ids and their order
have no meaning.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Image
from perception_kd.utils.extras import install_command

# The ids of fast-slic are unsigned 16-bit numbers, although their dtype is signed.
_FAST_NONE = 2**16 - 1

Segments = NDArray[np.int32]
Backend = Callable[[Image, int, float, float], NDArray[np.integer[Any]]]


def slic_skimage(
    image: Image, num_segments: int = 150, compactness: float = 6.0, sigma: float = 3.0
) -> Segments:
    """Segment an image exactly as the published code of SLidR does.

    Args:
        image: RGB, shape (H, W, 3).
        num_segments: Number of segments to aim at; SLidR uses 150 with MinkUNet and 30
            with VoxelNet.
        compactness: Weight of spatial distance against color distance in CIELAB.
        sigma: Width of the Gaussian that smooths the image first, in px.

    Returns:
        Segment ids, shape (H, W).
    """
    from skimage.segmentation import slic

    segments = slic(
        image, n_segments=num_segments, compactness=compactness, sigma=sigma, start_label=0
    )
    return segments.astype(np.int32)


def slic_skimage_half(
    image: Image, num_segments: int = 150, compactness: float = 6.0, sigma: float = 3.0
) -> Segments:
    """Segment an image at half its size with scikit-image.

    The smoothing is halved with the image, and the segments are enlarged again, so
    their borders have steps of 2 px. SLidR downsamples its crops by about 2 or more.

    Args:
        image: RGB, shape (H, W, 3).
        num_segments: Number of segments to aim at.
        compactness: Weight of spatial distance against color distance in CIELAB.
        sigma: Width of the Gaussian in px of the full image.

    Returns:
        Segment ids, shape (H, W).
    """
    height, width = image.shape[:2]
    half_size = ((width + 1) // 2, (height + 1) // 2)
    half = cv2.resize(image, half_size, interpolation=cv2.INTER_AREA)
    segments = slic_skimage(half.astype(np.uint8), num_segments, compactness, sigma / 2)
    return cv2.resize(segments, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int32)


def slic_fast(
    image: Image, num_segments: int = 150, compactness: float = 6.0, sigma: float = 3.0
) -> Segments:
    """Segment an image with the package fast-slic.

    It differs from scikit-image: color distances are sums of absolute differences in
    8-bit CIELAB, and segments are merged below a quarter instead of half of the
    intended size, so nearly ``num_segments`` remain. The result depends neither on the
    number of threads nor on the vector instructions of the machine.

    Args:
        image: RGB, shape (H, W, 3).
        num_segments: Number of segments to aim at, below 65534.
        compactness: Weight of spatial distance against color distance.
        sigma: Width of the Gaussian that smooths the image first, in px; 0 for none.

    Returns:
        Segment ids, -1 for no segment, shape (H, W).

    Raises:
        ImportError: If fast-slic is not installed.
        ValueError: If ``num_segments`` is too large.
    """
    try:
        from fast_slic import Slic
    except ImportError as error:
        raise ImportError(
            "The backend `fast` needs fast-slic; install it with "
            f'{install_command("superpixels")}, or use the backend "skimage_half".'
        ) from error

    if num_segments >= _FAST_NONE - 1:
        raise ValueError(
            f"num_segments must be below {_FAST_NONE - 1} for the backend `fast`, but got "
            f'{num_segments}; use the backend "skimage".'
        )
    smooth = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0 else image
    slic = Slic(
        # With more segments than pixels, fast-slic divides by zero and crashes.
        num_components=min(num_segments, image.shape[0] * image.shape[1]),
        compactness=compactness,
        manhattan_spatial_dist=False,
        num_threads=1,
    )
    segments = slic.iterate(np.ascontiguousarray(smooth))
    ids = segments.view(np.uint16).astype(np.int32)
    return np.where(ids == _FAST_NONE, -1, ids).astype(np.int32)
