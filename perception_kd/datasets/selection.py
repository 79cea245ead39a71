"""Selection of samples from an info file."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import MMLogger

from perception_kd.datasets.catalog import get_data_set
from perception_kd.datasets.info_checks import count_lacking
from perception_kd.datasets.scene_lists import every_nth_scene, read_scene_list, scene_list_names
from perception_kd.io.info_fields import read_field
from perception_kd.io.info_file import name_entry
from perception_kd.structures import InfoEntry


def select_entries(
    ann_file: str,
    info: Mapping[str, Any],
    *,
    scenes: Sequence[str] | str | None,
    scene_step: int,
    sample_step: int,
    cameras: Sequence[str] | None,
) -> list[int]:
    """Return the places of the selected entries, and log which lack cameras.

    Args:
        ann_file: Path of the info file, for errors.
        info: Its content.
        scenes: Scenes, a list of them or a split; see :func:`select_places`.
        scene_step: Keep the N-th, 2N-th, ... of these scenes.
        sample_step: Keep the first of every N remaining entries.
        cameras: Names of the cameras to use; None means all of them.

    Raises:
        ValueError: If an entry has no scene, a camera is unknown, or no entry is left.
    """
    # In one pass: an info file may hold more than fits into memory.
    names, views = list[str](), list[InfoEntry]()
    for index, raw in enumerate(info["data_list"]):
        with name_entry(ann_file, info, index):
            names.append(read_field(raw, "scene_name", str))
        images = raw.get("images")
        views.append({"images": dict.fromkeys(images) if isinstance(images, dict) else None})
    try:
        places = select_places(info["metainfo"], names, scenes, scene_step, sample_step)
        lacking = count_lacking([views[place] for place in places], cameras)
    except ValueError as error:
        raise ValueError(f"{ann_file}: {error}") from error
    if lacking:
        text = ", ".join(f"{name} in {number}" for name, number in lacking.items())
        MMLogger.get_current_instance().warning(
            f"{ann_file}: of {len(places)} samples some have no image of a camera, and one view "
            f"less: {text}."
        )
    return places


def select_places(
    metainfo: Mapping[str, Any],
    names: Sequence[str],
    scenes: Sequence[str] | str | None = None,
    scene_step: int = 1,
    sample_step: int = 1,
) -> list[int]:
    """Return the places of the samples of a selection of scenes.

    Args:
        metainfo: Metainfo of an info file.
        names: Scene of each of its samples.
        scenes: Names of scenes; the name or the ".txt" file of a list, as in
            :func:`~.scene_lists.read_scene_list`; or the name of a split, whose scenes
            may be missing in the file. None means all scenes of the file.
        scene_step: Keep the N-th, 2N-th, ... of these scenes, in the order of the file.
        sample_step: Keep the first of every N remaining samples: SLidR's subset of
            SemanticKITTI, whose samples are in the order of their files.

    Raises:
        FileNotFoundError: If there is no such list of scenes.
        ValueError: If a step is out of range, a scene or split is unknown, or no sample
            is left.
    """
    present = list(dict.fromkeys(names))
    chosen = _choose_scenes(metainfo, present, scenes)
    if not chosen:
        raise ValueError(
            f"No sample of the info file is in scenes={scenes!r}; the file has {len(names)} "
            f"samples of {len(present)} scenes ({_some(present)}). Choose other scenes, or make "
            "the info file of the other split."
        )
    if scene_step > len(chosen):
        raise ValueError(
            f"scene_step must be at most {len(chosen)}, the number of scenes, but got "
            f"{scene_step}; use a smaller step for a small version of a data set."
        )
    kept = set(every_nth_scene(chosen, scene_step))
    return [place for place, name in enumerate(names) if name in kept][::sample_step]


def _choose_scenes(
    metainfo: Mapping[str, Any], present: list[str], scenes: Sequence[str] | str | None
) -> list[str]:
    """Return the requested scenes that are in the file, in the order of the file."""
    if scenes is None:
        return present
    if isinstance(scenes, str) and not _is_list(scenes):
        try:
            data_set = get_data_set(metainfo["dataset"])
            asked = data_set.split_scenes(metainfo["version"], scenes)
        except ValueError as error:
            lists = ", ".join(scene_list_names())
            raise ValueError(f"{error} Lists of scenes are {lists}, and .txt files.") from error
    else:
        asked = read_scene_list(scenes) if isinstance(scenes, str) else list(scenes)
        unknown = [name for name in asked if name not in present]
        if unknown:
            source = f"scenes of {scenes}" if isinstance(scenes, str) else "scenes"
            raise ValueError(
                f"{source} must be in the info file, but got {_some(unknown)}; it has "
                f"{_some(present)}; choose among these, or another info file."
            )
    return [name for name in present if name in set(asked)]


def _is_list(name: str) -> bool:
    return name.endswith(".txt") or name in scene_list_names()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
