"""Which scenes and frames belong to which part of a data set."""

from collections.abc import Sequence
from pathlib import Path

_LISTS = Path(__file__).parent / "data"
_SLIDR_SCENES = _LISTS / "slidr_parametrize_scenes.txt"
_SUFFIX = "_scenes.txt"

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


def evaluation_set(version: str, scene: str) -> str:
    """Return the devkit's name of the official split that a scene is in.

    The official evaluations call it the evaluation set: "val", "mini_val", "test", ...

    Raises:
        ValueError: If there is no such version, or the scene is in none of its splits.
    """
    for split in split_names(version):
        if scene in split_scenes(version, split):
            return _DEVKIT_SPLITS[version][split]
    raise ValueError(f"scene must be in a split of {version}, but got {scene!r}.")


def every_nth_scene(scenes: Sequence[str], step: int, *, from_first: bool = False) -> list[str]:
    """Return the N-th, 2N-th, ... scene: SLidR's way to a share of the labels.

    Steps of 100, 20, 10 and 4 leave 7, 35, 70 and 175 of nuScenes' 700 training scenes.

    Args:
        scenes: Names of a split's scenes in the order of the scene table, which in
            nuScenes is the order of their names; the order decides which are taken.
        step: N.
        from_first: Return the first, (N+1)-th, ... scene, which is CALICO's way.

    Raises:
        ValueError: If ``step`` is not positive or leaves no scene.
    """
    if not 1 <= step <= len(scenes):
        raise ValueError(f"step must be in 1..{len(scenes)}, but got {step}.")
    return list(scenes[0 if from_first else step - 1 :: step])


def scene_list_names() -> list[str]:
    """Return the names of the lists of training scenes that come with the package.

    ``nuscenes_slidr_{1,5,10,25}pct`` are SLidR's shares of the labels of
    v1.0-trainval, ``nuscenes_calico_{5,10,20,50}pct`` CALICO's.
    """
    return sorted(path.name.removesuffix(_SUFFIX) for path in _LISTS.glob(f"nuscenes_*{_SUFFIX}"))


def read_scene_list(name: str | Path) -> list[str]:
    """Read a list of scenes.

    Args:
        name: One of :func:`scene_list_names`, or a text file with a name a line.

    Raises:
        FileNotFoundError: If there is no such list and no such file.
        ValueError: If a file names no scene.
    """
    path = _LISTS / f"{name}{_SUFFIX}" if str(name) in scene_list_names() else Path(name)
    if not path.is_file():
        known = ", ".join(scene_list_names())
        raise FileNotFoundError(f"No list of scenes at {path}; name a file, or one of {known}.")
    scenes = path.read_text(encoding="utf-8").split()
    if not scenes:
        raise ValueError(f"{path} must name a scene a line, but it is empty.")
    return scenes
