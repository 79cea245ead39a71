"""Stages that train and evaluate a network."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.experiments.configs import (
    config_epochs,
    config_settings,
    file_digest,
    info_digests,
)
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.workspace import Workspace


@dataclass(frozen=True)
class Training:
    """One run of ``tools/train.py``.

    Attributes:
        config: Config of the training.
        folder: Its work dir.
        seed: Random seed.
        pretrained: Checkpoint whose weights initialize the network; empty for none.
        options: Changes of the config, as NAME=VALUE.
        epochs: Number of epochs; None for those of the config. The number of all
            trainings of the workspace overrides it.
        arguments: Further options of the tool.
    """

    config: str
    folder: Path
    seed: int
    pretrained: str = ""
    options: Sequence[str] = ()
    epochs: int | None = None
    arguments: Sequence[str] = ()


def training_stage(
    workspace: Workspace,
    training: Training,
    *,
    name: str,
    about: str,
    inputs: Sequence[str] = (),
) -> Stage:
    """Return a stage of ``tools/train.py``.

    Args:
        workspace: Folders and options.
        training: What is trained.
        name: Name of the stage.
        about: One line for the terminal.
        inputs: Stages that it reads from, besides the data set and its info files.
    """
    config, folder, pretrained = training.config, training.folder, training.pretrained
    options, epochs = training.options, training.epochs
    command = ["tools/train.py", config, *_folder_options(workspace, folder), *training.arguments]
    command += ["--seed", str(training.seed)]
    if pretrained:
        command += ["--pretrained", pretrained]
    # Weights that no stage makes are known by their content.
    is_foreign = bool(pretrained) and not inputs
    weights = {"weights": file_digest(Path(pretrained))} if is_foreign else {}
    if workspace.max_epochs is not None:
        options = [*options, f"train_cfg.max_epochs={workspace.max_epochs}"]
    elif epochs is not None:
        # The networks of all epochs but the last are not compared.
        numbers = [f"train_cfg.max_epochs={epochs}", f"train_cfg.val_interval={epochs}"]
        options = [*options, *numbers]
    if options:
        command += ["--cfg-options", *options]
    return Stage(
        name=name,
        about=about,
        command=tuple(command),
        outputs=(glob.escape(last_checkpoint(workspace, config, folder, epochs)),),
        inputs=(*workspace.data_stages, *inputs),
        config={**_files_read(workspace, config), **weights},
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
    arguments: Sequence[str],
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
        arguments: Further options of the tool.
    """
    options = (*_folder_options(workspace, folder), *arguments)
    return Stage(
        name=name,
        about=about,
        command=("tools/test.py", config, checkpoint, *options),
        outputs=(f"{glob.escape(str(folder))}/*/*.json",),
        inputs=(*workspace.data_stages, *inputs),
        config=_files_read(workspace, config),
        folder=folder,
    )


def last_checkpoint(
    workspace: Workspace, config: str, folder: Path, epochs: int | None = None
) -> str:
    """Return the path of the final checkpoint of a training.

    Args:
        workspace: Folders and options.
        config: Config of the training.
        folder: Work dir of the training.
        epochs: Number of epochs, as for :class:`Training`.
    """
    number = workspace.max_epochs or epochs or config_epochs(config)
    return str(folder / f"epoch_{number}.pth")


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
        *workspace.run_options,
    ]


def _files_read(workspace: Workspace, config: str) -> dict[str, Any]:
    """Return the files that a training or evaluation reads and no stage makes."""
    settings = config_settings(config)
    if workspace.made_elsewhere is None:
        return {"config": settings}
    return {"config": settings, "info files": info_digests(workspace, config)}
