"""Square patches of images in place of superpixels."""

import numpy as np

from perception_kd.datasets.transforms.base import Transform
from perception_kd.datasets.transforms.image_geometry import image_size
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from perception_kd.utils.checks import check_at_least


@TRANSFORMS.register_module()
class MakePatches(Transform):
    """Make every patch of a vision transformer a superpixel, as in Concerto [1].

    Pixel (row, col) is in patch (row // size, col // size); patches are numbered row by
    row. Those at the right and at the bottom may be smaller. Put it behind all
    transforms that move images, so that patches are those that the teacher sees;
    nothing has to be cached.

    - [1] Concerto: Joint 2D-3D Self-Supervised Learning Emerges Spatial
      Representations, 2025, https://arxiv.org/abs/2510.23607

    Reads: ``imgs``. Writes: ``superpixels``.

    Args:
        size: Edge of a patch in px: that of the teacher's cells, or a multiple.

    Raises:
        ValueError: If the size is below 1.
    """

    def __init__(self, size: int = 14) -> None:
        check_at_least("size", size, 1)
        self.size = size

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with patches."""
        maps = []
        for img in sample["imgs"]:
            height, width = image_size(img)
            rows, cols = np.arange(height) // self.size, np.arange(width) // self.size
            num_cols = -(-width // self.size)
            maps.append((rows[:, None] * num_cols + cols).astype(np.int32))
        return {**sample, "superpixels": maps}
