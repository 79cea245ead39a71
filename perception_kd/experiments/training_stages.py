"""Stages that train and evaluate a network."""

import glob
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.experiments.stages import Stage
from perception_kd.experiments.workspace import Workspace


def training_stage(
    workspace: Workspace,
    *,
    name: str,
    about: str,
    config: str,
    folder: Path,
    seed: int,
    inputs: Sequence[str] = (),
    pretrained: str = "",
    options: Sequence[str] = (),
) -> Stage:
    """Return a stage of ``tools/train.py``.

    Args:
        workspace: Folders and options.
        name: Name of the stage.
        about: One line for the terminal.
        config: Config of the training.
        folder: Work dir of the training.
        seed: Random seed.
        inputs: Stages that it reads from, besides the data set and its info files.
        pretrained: Checkpoint whose weights initialize the network; empty for none.
        options: Changes of the config, as NAME=VALUE.
    """
    command = ["tools/train.py", config, *_folder_options(workspace, folder), "--seed", str(seed)]
    if pretrained:
        command += ["--pretrained", pretrained]
    if workspace.max_epochs is not None:
        options = [*options, f"train_cfg.max_epochs={workspace.max_epochs}"]
    if options:
        command += ["--cfg-options", *options]
    return Stage(
        name=name,
        about=about,
        command=tuple(command),
        outputs=(glob.escape(last_checkpoint(workspace, config, folder)),),
        inputs=("data", "infos", *inputs),
        config={"config": _read_config(config)},
        resume=("--resume",),
        folder=folder,
    )


def test_stage(
    workspace: Workspace,
    *,
    name: str,
    about: str,
    config: str,
    checkpoint: str,
    folder: Path,
    inputs: Sequence[str],
) -> Stage:
    """Return a stage of ``tools/test.py``.

    Args:
        workspace: Folders and options.
        name: Name of the stage.
        about: One line for the terminal.
        config: Config of the network.
        checkpoint: Checkpoint to evaluate.
        folder: Folder of the scores.
        inputs: Stages that it reads from, besides the data set and its info files.
    """
    return Stage(
        name=name,
        about=about,
        command=("tools/test.py", config, checkpoint, *_folder_options(workspace, folder)),
        outputs=(f"{glob.escape(str(folder))}/*/*.json",),
        inputs=("data", "infos", *inputs),
        config={"config": _read_config(config)},
        folder=folder,
    )


def last_checkpoint(workspace: Workspace, config: str, folder: Path) -> str:
    """Return the path of the final checkpoint of a training.

    Args:
        workspace: Folders and options.
        config: Config of the training.
        folder: Work dir of the training.
    """
    epochs = workspace.max_epochs or _read_config(config)["train_cfg"]["max_epochs"]
    return str(folder / f"epoch_{epochs}.pth")


def has_lost_checkpoints(folder: Path) -> bool:
    """Return whether a training has left checkpoints, but none that is whole."""
    # Imported here, as listing stages must not wait for torch.
    from perception_kd.checkpoints.folder import POINTER, find_newest, list_checkpoints

    paths = list_checkpoints(folder)
    return bool(paths or (folder / POINTER).exists()) and find_newest(paths).path is None


def _folder_options(workspace: Workspace, folder: Path) -> list[str]:
    return [
        *("--data-root", str(workspace.data_root), "--info-root", str(workspace.info_root)),
        *("--work-dir", str(folder)),
    ]


@cache
def _read_config(path: str) -> dict[str, Any]:
    """Return all settings of a config, including those of its bases, as JSON types."""
    settings: dict[str, Any] = json.loads(json.dumps(Config.fromfile(path).to_dict(), default=str))
    return settings
