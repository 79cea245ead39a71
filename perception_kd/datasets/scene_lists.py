"""Lists of training scenes: shares of a data set's labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from perception_kd.io.bounded import read_bounded

_LISTS = Path(__file__).parent / "data"
_SUFFIX = "_scenes.txt"
_MAX_BYTES = 2**24


def every_nth_scene(scenes: Sequence[str], step: int, *, from_first: bool = False) -> list[str]:
    """Return the N-th, 2N-th, ... scene, which is SLidR's subset of the labels.

    Steps of 100, 20, 10 and 4 leave 7, 35, 70 and 175 of nuScenes' 700 training scenes.

    Args:
        scenes: Names of a split's scenes in the order of the scene table, which in
            nuScenes is the order of their names.
        step: N.
        from_first: Return the first, (N+1)-th, ... scene, which is CALICO's subset.

    Raises:
        ValueError: If ``step`` is not positive or leaves no scene.
    """
    if not 1 <= step <= len(scenes):
        raise ValueError(f"step must be in 1..{len(scenes)}, but got {step}.")
    return list(scenes[0 if from_first else step - 1 :: step])


def scene_list_names() -> list[str]:
    """Return the names of the lists of training scenes in the package.

    ``nuscenes_slidr_{1,5,10,25}pct`` are SLidR's shares of the labels of
    v1.0-trainval, ``nuscenes_calico_{5,10,20,50}pct`` CALICO's.
    """
    return sorted(path.name.removesuffix(_SUFFIX) for path in _LISTS.glob(f"nuscenes_*{_SUFFIX}"))


def read_scene_list(name: str | Path) -> list[str]:
    """Read a list of scenes.

    Args:
        name: One of :func:`scene_list_names`, or a text file with one name per line.

    Raises:
        FileNotFoundError: If there is no such list and no such file.
        BrokenFileError: If the file is far too large.
        ValueError: If a file is not text, names no scene, or one twice.
    """
    path = _LISTS / f"{name}{_SUFFIX}" if str(name) in scene_list_names() else Path(name)
    if not path.is_file():
        known = ", ".join(scene_list_names())
        raise FileNotFoundError(f"No list of scenes at {path}; name a file, or one of {known}.")
    data = read_bounded(path, "list of scenes", "name another one.", _MAX_BYTES)
    try:
        scenes = data.decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a text file; it must have one scene name per line."
        ) from error
    if not scenes:
        raise ValueError(f"{path} is empty; it must have one scene name per line.")
    repeated = [name for name, count in Counter(scenes).items() if count > 1]
    if repeated:
        raise ValueError(f"{path} names {repeated[0]} more than once; name each scene once.")
    unprintable = [name for name in scenes if not name.isprintable()]
    if unprintable:
        raise ValueError(f"{path} is not a list of scenes, but has {unprintable[0]!r:.60}.")
    return scenes
