"""Superpixel algorithms by name."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # OpenCV and NumPy are not needed to list the names
    from perception_kd.superpixels.slic import Backend

_SLIC = "perception_kd.superpixels.slic"
BACKENDS = {
    "fast": f"{_SLIC}:slic_fast",
    "skimage": f"{_SLIC}:slic_skimage",
    "skimage_half": f"{_SLIC}:slic_skimage_half",
}
_PACKAGES = {"fast": "fast-slic", "skimage": "scikit-image", "skimage_half": "scikit-image"}


def get_backend(name: str) -> "Backend":
    """Return a function that segments an image.

    Args:
        name: One of ``BACKENDS``, or ``package.module:function`` of your own, called as
            ``function(image, num_segments, compactness, sigma)`` with RGB of shape
            (H, W, 3); it returns integer ids of shape (H, W), negative for no segment.

    Raises:
        ValueError: If the name is neither.
    """
    module, _, function = BACKENDS.get(name, name).partition(":")
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
    """Return the package behind a backend with its version, for a manifest."""
    package = _PACKAGES.get(name)
    return f"{package} {version(package)}" if package else name
