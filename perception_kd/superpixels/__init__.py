"""Ways to cut an image into superpixels, and the tool that fills a cache with them."""

from perception_kd.superpixels.backends import BACKENDS, get_backend
from perception_kd.superpixels.drawing import draw_borders
from perception_kd.superpixels.slic import slic_fast, slic_skimage, slic_skimage_half

__all__ = [
    "BACKENDS",
    "draw_borders",
    "get_backend",
    "slic_fast",
    "slic_skimage",
    "slic_skimage_half",
]
