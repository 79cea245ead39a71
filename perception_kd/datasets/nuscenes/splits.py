"""Splits of nuScenes: the official ones and SLidR's for choosing hyperparameters."""

from functools import cache
from pathlib import Path

_DATA = Path(__file__).parents[1] / "data"
_SLIDR_SCENES = _DATA / "slidr_parametrize_scenes.txt"
_DEVKIT_SCENES = _DATA / "devkit_splits.txt"  # of nuscenes.utils.splits

# Splits of each version of nuScenes: our name, the devkit's name.
_DEVKIT_SPLITS = {
    "v1.0-mini": {"train": "mini_train", "val": "mini_val"},
    "v1.0-trainval": {"train": "train", "val": "val"},
    "v1.0-test": {"test": "test"},
}

# Samples of each of the devkit's splits.
NUSCENES_NUM_SAMPLES = {
    "mini_train": 323,
    "mini_val": 81,
    "train": 28130,
    "val": 6019,
    "test": 6008,
}

NUSCENES_VERSIONS = ("v1.0-trainval", "v1.0-mini", "v1.0-test")  # the most useful first


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

    devkit = _read_devkit_splits()
    if split in official:
        return list(devkit[_DEVKIT_SPLITS[version][split]])
    held_out = set(_SLIDR_SCENES.read_text(encoding="utf-8").split())
    train = devkit[_DEVKIT_SPLITS[version]["train"]]
    return [name for name in train if (name in held_out) == (split == "parametrize_val")]


@cache
def _read_devkit_splits() -> dict[str, list[str]]:
    """Return the scenes of the devkit's splits.

    The devkit has them in a module that imports scikit-learn and more, a second of a
    CPU at the start of each training.
    """
    splits: dict[str, list[str]] = {}
    for line in _DEVKIT_SCENES.read_text(encoding="utf-8").splitlines():
        split, scene = line.split()
        splits.setdefault(split, []).append(scene)
    return splits


@cache
def evaluation_set(version: str, scene: str) -> str:
    """Return the devkit's name of the official split with a scene.

    It is the evaluation set of the official evaluations: "val", "mini_val", "test", ...

    Raises:
        ValueError: If there is no such version, or the scene is in no split of it.
    """
    for split in split_names(version):
        if scene in split_scenes(version, split):
            return _DEVKIT_SPLITS[version][split]
    raise ValueError(
        f"Scene {scene!r} is in no official split of {version}, so no official evaluation knows it."
    )
