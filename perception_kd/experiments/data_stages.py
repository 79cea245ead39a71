"""Stages that create data: a synthetic data set, info files, superpixels, regions."""

import glob
from collections.abc import Sequence

from perception_kd.experiments.configs import (
    caches_of,
    config_settings,
    teacher_cache_of,
    teacher_stage_name,
)
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.workspace import Workspace

_DATA_FILES = ("synthetic.json", "README.md")
_DATA_FOLDERS = ("v1.0-mini", "lidarseg", "maps", "samples", "sweeps")


def synthetic_data_stage(workspace: Workspace, options: Sequence[str] = ()) -> Stage:
    """Return the stage ``data``, which renders a synthetic data set.

    Args:
        workspace: Folders and options.
        options: Further options of ``tools/create_data.py synthetic``, such as sizes.
    """
    root = str(workspace.data_root)
    files = [f"{glob.escape(root)}/{name}" for name in _DATA_FILES]
    folders = [f"{glob.escape(root)}/{name}/**" for name in _DATA_FOLDERS]
    return Stage(
        name="data",
        about="Synthetic data: a rendered street world in the format of nuScenes",
        command=("tools/create_data.py", "synthetic", "--root", root, *options),
        outputs=(*files, *folders),
        local=workspace.worker_options,
    )


def info_stage(workspace: Workspace) -> Stage:
    """Return the stage ``infos``, which writes the info files of a data set."""
    return Stage(
        name="infos",
        about="Info files: paths, poses and calibration of each keyframe",
        command=(
            *("tools/create_data.py", "nuscenes", "--root", str(workspace.data_root)),
            *("--version", "v1.0-mini", "--out-dir", str(workspace.info_root)),
        ),
        outputs=tuple(map(glob.escape, workspace.info_files)),
        inputs=("data",),
        local=workspace.worker_options,
    )


def superpixel_stage(workspace: Workspace, backend: str, num_segments: int) -> Stage:
    """Return the stage ``superpixels``, which segments every image.

    Args:
        workspace: Folders and options.
        backend: Backend of the segmentation.
        num_segments: Number of superpixels per image.
    """
    folder = workspace.info_root / "superpixels"
    return Stage(
        name="superpixels",
        about="Superpixels: segments of similar color in every image",
        command=(
            *("tools/create_data.py", "superpixels", "--data-root", str(workspace.data_root)),
            *("--info", *workspace.info_files),
            *("--backend", backend, "--num-segments", str(num_segments)),
        ),
        outputs=(f"{glob.escape(str(folder / f'{backend}_{num_segments}'))}/*.png",),
        inputs=("data", "infos"),
        local=workspace.worker_options,
        folder=folder,
    )


def teacher_stage(workspace: Workspace, config: str) -> Stage:
    """Return the stage that runs the teacher of a pre-training once, for all students.

    Args:
        workspace: Folders and options.
        config: Config that reads the features from a cache.
    """
    cache = teacher_cache_of(config)
    assert cache is not None
    folder, name = workspace.info_root / cache, teacher_stage_name(cache)
    settings = config_settings(config)
    # Not what concerns the student, of which there may be several.
    read = {key: settings["model"][key] for key in ("img_backbone", "img_head")}
    read |= {key: settings[key]["dataset"] for key in ("train_dataloader", "val_dataloader")}
    return Stage(
        name=name,
        about="Teacher: its features of stored crops of every image",
        command=(
            *("tools/create_data.py", "teacher", "--config", config),
            *("--data-root", str(workspace.data_root), "--info-root", str(workspace.info_root)),
        ),
        outputs=(f"{glob.escape(str(folder))}/*.bin",),
        inputs=("data", "infos", *(each for each in caches_of(config) if each != name)),
        config=read,
        local=workspace.worker_options,
        folder=folder,
    )


def region_stage(workspace: Workspace) -> Stage:
    """Return the stage ``regions``, which clusters the points of every sweep."""
    folder = workspace.info_root / "regions"
    return Stage(
        name="regions",
        about="Regions: clusters of points above the ground in every sweep",
        command=(
            *("tools/create_data.py", "regions", "--data-root", str(workspace.data_root)),
            *("--info", *workspace.info_files),
        ),
        outputs=(f"{glob.escape(str(folder / 'dbscan'))}/*.npz",),
        inputs=("data", "infos"),
        local=workspace.worker_options,
        folder=folder,
    )
