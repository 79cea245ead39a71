"""The ways to make superpixels, by name."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.superpixels.slic import Image, slic_fast, slic_skimage, slic_skimage_half

Backend = Callable[[Image, int, float, float], NDArray[np.integer[Any]]]

BACKENDS: dict[str, Backend] = {
    "fast": slic_fast,
    "skimage": slic_skimage,
    "skimage_half": slic_skimage_half,
}
_PACKAGES = {"fast": "fast-slic", "skimage": "scikit-image", "skimage_half": "scikit-image"}


def get_backend(name: str) -> Backend:
    """Return a function that segments an image.

    Args:
        name: One of ``BACKENDS``, or ``package.module:function`` for one's own, called
            as ``function(image, num_segments, compactness, sigma)`` with RGB of shape
            (H, W, 3); it returns integer ids of shape (H, W), negative for no segment.

    Raises:
        ValueError: If the name is neither.
    """
    if name in BACKENDS:
        return BACKENDS[name]
    module, _, function = name.partition(":")
    try:
        backend = getattr(import_module(module), function) if function else None
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"backend must be module:function that can be imported, but got {name}: {error}; "
            "check the name, and that its folder is on PYTHONPATH."
        ) from error
    if not callable(backend):
        raise ValueError(
            f"backend must be one of {', '.join(BACKENDS)} or module:function, but got {name}."
        )
    return backend


def describe_backend(name: str) -> str:
    """Return the package behind a backend with its version, for the record."""
    package = _PACKAGES.get(name)
    return f"{package} {version(package)}" if package else name
