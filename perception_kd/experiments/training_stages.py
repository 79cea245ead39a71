"""Stages that train and evaluate networks, alone or as a whole comparison."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.experiments.stages import Stage
from perception_kd.experiments.trials import RANDOM, Comparison, Trial
from perception_kd.experiments.workspace import Workspace


def comparison_stages(workspace: Workspace, comparison: Comparison) -> Iterator[Stage]:
    """Yield the stages of a comparison: per seed its pre-trainings, then its trials."""
    for seed in range(comparison.seeds):
        for method in comparison.pretrainings:
            yield pretraining_stage(workspace, comparison, method, seed)
        for trial in comparison.trials():
            if trial.seed == seed:
                yield from trial_stages(workspace, comparison, trial)


def pretraining_stage(
    workspace: Workspace, comparison: Comparison, method: str, seed: int
) -> Stage:
    """Return the stage of one pre-training.

    Args:
        workspace: Folders and options.
        comparison: The comparison, which also has the pre-training of the teacher.
        method: Key of the pre-training.
        seed: Seed, also of the teacher.
    """
    pretraining = comparison.pretrainings[method]
    inputs, options = list(pretraining.reads), []
    if pretraining.teacher:
        stage, checkpoint = _find_pretrained(workspace, comparison, pretraining.teacher, seed)
        inputs.append(stage)
        options.append(f"model.teacher_checkpoint={checkpoint}")
    return training_stage(
        workspace,
        name=f"pretrain-{method}-seed{seed}",
        about=f"{pretraining.about} pre-training without labels, seed {seed}",
        config=pretraining.config,
        folder=_pretraining_folder(workspace, method, seed),
        seed=seed,
        inputs=inputs,
        options=options,
    )


def trial_stages(workspace: Workspace, comparison: Comparison, trial: Trial) -> Iterator[Stage]:
    """Yield the training on labels of one trial, then its evaluation."""
    protocol = comparison.protocols[trial.protocol]
    folder = trial.folder(workspace.work_dir)
    initialization = comparison.initializations[trial.initialization]
    about = f"{protocol.about} from {initialization}, seed {trial.seed}"
    inputs, pretrained = [], ""
    if trial.initialization != RANDOM:
        stage, pretrained = _find_pretrained(
            workspace, comparison, trial.initialization, trial.seed
        )
        inputs = [stage]
    yield training_stage(
        workspace,
        name=trial.name,
        about=about[0].upper() + about[1:],
        config=protocol.config,
        folder=folder,
        seed=trial.seed,
        inputs=inputs,
        pretrained=pretrained,
    )
    yield test_stage(
        workspace,
        name=f"{trial.name}-test",
        about=f"Evaluation: {about}",
        config=protocol.config,
        checkpoint=last_checkpoint(workspace, protocol.config, folder),
        folder=folder / "test",
        inputs=[trial.name],
    )


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
        outputs=(last_checkpoint(workspace, config, folder),),
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
        outputs=(str(folder / "*" / "*.json"),),
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


def _find_pretrained(
    workspace: Workspace, comparison: Comparison, method: str, seed: int
) -> tuple[str, str]:
    """Return the stage and the checkpoint of a pre-training."""
    folder = _pretraining_folder(workspace, method, seed)
    config = comparison.pretrainings[method].config
    return f"pretrain-{method}-seed{seed}", last_checkpoint(workspace, config, folder)


def _pretraining_folder(workspace: Workspace, method: str, seed: int) -> Path:
    return workspace.work_dir / "pretrain" / method / f"seed{seed}"


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
