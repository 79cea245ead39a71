"""Patches in place of superpixels."""

import numpy as np
import pytest

from perception_kd.datasets.transforms import MakePatches
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample


def test_patches_are_numbered_row_by_row() -> None:
    sample: Sample = {"imgs": [np.zeros((4, 5, 3), np.uint8)]}
    (patches,) = MakePatches(size=2)(sample)["superpixels"]
    assert patches.dtype == np.int32
    assert patches.tolist() == [
        [0, 0, 1, 1, 2],
        [0, 0, 1, 1, 2],
        [3, 3, 4, 4, 5],
        [3, 3, 4, 4, 5],
    ]


def test_each_image_has_its_own_patches() -> None:
    imgs = [np.zeros((28, 28, 3), np.uint8), np.zeros((14, 42, 3), np.uint8)]
    patches = TRANSFORMS.build(dict(type="MakePatches"))({"imgs": imgs})["superpixels"]
    assert [ids.shape for ids in patches] == [(28, 28), (14, 42)]
    assert [ids.max() for ids in patches] == [3, 2]


def test_rejects_patches_without_pixels() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, but got 0"):
        MakePatches(size=0)
