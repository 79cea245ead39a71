"""Values that an experiment reads from the configs of its trainings."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.experiments.fingerprints import take_fingerprint
from perception_kd.experiments.workspace import Workspace


@cache
def config_settings(path: str) -> dict[str, Any]:
    """Return all settings of a config, including those of its bases, as JSON types."""
    settings: dict[str, Any] = json.loads(json.dumps(Config.fromfile(path).to_dict(), default=str))
    return settings


def config_epochs(config: str) -> int:
    """Return the number of epochs of a config."""
    epochs: int = config_settings(config)["train_cfg"]["max_epochs"]
    return epochs


def info_digests(workspace: Workspace, config: str) -> dict[str, str]:
    """Return hashes of the existing info files of a config, by name."""
    paths = [workspace.info_root / name for name in info_file_names(workspace, config)]
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def info_file_names(workspace: Workspace, config: str) -> list[str]:
    """Return the names of the info files that a config reads."""
    loaders = (
        config_settings(config).get(f"{split}_dataloader") for split in ("train", "val", "test")
    )
    names = {innermost_data_set(loader)[1]["ann_file"] for loader in loaders if loader}
    if "--dataset" in workspace.run_options:
        prefix = workspace.run_options[workspace.run_options.index("--dataset") + 1]
        names = {f"{prefix}_infos_{name.rpartition('_infos_')[2]}" for name in names}
    return sorted(names)


def innermost_data_set(loader: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the place and the settings of the innermost data set of a loader.

    Example:
        >>> innermost_data_set({"dataset": {"type": "B", "dataset": {"scenes": "a"}}})
        ('dataset.dataset', {'scenes': 'a'})
    """
    place, settings = "dataset", loader["dataset"]
    while "dataset" in settings:
        place, settings = f"{place}.dataset", settings["dataset"]
    return place, settings


@cache
def file_digest(path: Path) -> str:
    """Return the hash of a file, which is read once; empty where there is none."""
    return take_fingerprint(path).digest if path.is_file() else ""


# Stages that make what a step of a pipeline reads.
_CACHES = {"LoadSuperpixels": "superpixels", "LoadRegions": "regions"}
_TEACHER_STEP = "StoredCrops"


def caches_of(config: str) -> tuple[str, ...]:
    """Return the caches that the training of a config reads.

    Returns:
        Names of stages: "superpixels", "regions", and that of a teacher's cache.
    """
    _, data_set = innermost_data_set(config_settings(config)["train_dataloader"])
    kinds = [step["type"] for step in data_set["pipeline"].values() if step]
    names = [name for kind, name in _CACHES.items() if kind in kinds]
    cache = teacher_cache_of(config)
    return (*names, teacher_stage_name(cache)) if cache else tuple(names)


def teacher_cache_of(config: str) -> str | None:
    """Return the folder of the teacher's features that a config reads, if it does.

    Returns:
        Relative to the folder of the info files, such as "teacher/efflite0".
    """
    _, data_set = innermost_data_set(config_settings(config)["train_dataloader"])
    for step in data_set.get("pipeline", {}).values():
        if step and step["type"] == _TEACHER_STEP:
            return str(step["cache"])
    return None


def teacher_stage_name(cache: str) -> str:
    """Return the name of the stage that makes a teacher's cache.

    Example:
        >>> teacher_stage_name("teacher/efflite0")
        'teacher-efflite0'
    """
    return cache.replace("/", "-")
