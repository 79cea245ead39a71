"""Official splits of nuScenes, beside those of its devkit."""

import pytest
from nuscenes.utils.splits import create_splits_scenes

from perception_kd.datasets.nuscenes.splits import split_scenes


@pytest.mark.parametrize(
    ("version", "split", "name"),
    [
        ("v1.0-trainval", "train", "train"),
        ("v1.0-trainval", "val", "val"),
        ("v1.0-test", "test", "test"),
        ("v1.0-mini", "train", "mini_train"),
        ("v1.0-mini", "val", "mini_val"),
    ],
)
def test_splits_are_those_of_the_devkit(version: str, split: str, name: str) -> None:
    assert split_scenes(version, split) == create_splits_scenes()[name]
