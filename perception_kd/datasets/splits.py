"""Which scenes and frames belong to which part of a data set."""

from collections.abc import Sequence
from pathlib import Path

_SLIDR_SCENES = Path(__file__).parent / "data" / "slidr_parametrize_scenes.txt"

# Splits of each version of nuScenes: our name, the devkit's name.
_DEVKIT_SPLITS = {
    "v1.0-mini": {"train": "mini_train", "val": "mini_val"},
    "v1.0-trainval": {"train": "train", "val": "val"},
    "v1.0-test": {"test": "test"},
}

SEMANTICKITTI_SEQUENCES = {
    "train": (0, 1, 2, 3, 4, 5, 6, 7, 9, 10),
    "val": (8,),
    "test": tuple(range(11, 22)),
}


def split_names(version: str) -> list[str]:
    """Return the names of the official splits of a version of nuScenes.

    Raises:
        ValueError: If there is no such version.
    """
    if version not in _DEVKIT_SPLITS:
        known = ", ".join(_DEVKIT_SPLITS)
        raise ValueError(f"version must be one of {known}, but got {version!r}.")
    return list(_DEVKIT_SPLITS[version])


def split_scenes(version: str, split: str) -> list[str]:
    """Return the names of a split's scenes in nuScenes.

    Besides the official splits there are SLidR's for choosing hyperparameters, within
    the training split: ``parametrize_val`` has 100 scenes of v1.0-trainval and
    ``parametrize_train`` the other 600; in v1.0-mini they have 1 and 7.

    Args:
        version: v1.0-mini, v1.0-trainval or v1.0-test.
        split: Its ``train``, ``val`` or ``test``, or one of the two above.

    Raises:
        ValueError: If the version has no such split.
    """
    official = split_names(version)
    extra = ["parametrize_train", "parametrize_val"] if "train" in official else []
    if split not in official + extra:
        known = ", ".join(official + extra)
        raise ValueError(f"split must be one of {known} for {version}, but got {split!r}.")

    from nuscenes.utils.splits import create_splits_scenes

    devkit = create_splits_scenes()
    if split in official:
        return list(devkit[_DEVKIT_SPLITS[version][split]])
    held_out = set(_SLIDR_SCENES.read_text(encoding="utf-8").split())
    train = devkit[_DEVKIT_SPLITS[version]["train"]]
    return [name for name in train if (name in held_out) == (split == "parametrize_val")]


def every_nth_scene(scenes: Sequence[str], step: int) -> list[str]:
    """Return the N-th, 2N-th, ... scene: SLidR's way to a share of the labels.

    Steps of 100, 20, 10 and 4 leave 7, 35, 70 and 175 of nuScenes' 700 training scenes.

    Args:
        scenes: Names of a split's scenes in the order of the scene table; the order
            decides which are taken.
        step: N.

    Raises:
        ValueError: If ``step`` is not positive or leaves no scene.
    """
    if not 1 <= step <= len(scenes):
        raise ValueError(f"step must be in 1..{len(scenes)}, but got {step}.")
    return list(scenes[step - 1 :: step])
