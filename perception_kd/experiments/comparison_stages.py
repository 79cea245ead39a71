"""The stages of a whole comparison: pre-trainings, trainings on labels, evaluations."""

from collections.abc import Iterator
from pathlib import Path

from perception_kd.experiments.stages import Stage
from perception_kd.experiments.training_stages import (
    Training,
    last_checkpoint,
    test_stage,
    training_stage,
)
from perception_kd.experiments.trials import RANDOM, Comparison, Trial, capitalize
from perception_kd.experiments.workspace import Workspace


def comparison_stages(workspace: Workspace, comparison: Comparison) -> Iterator[Stage]:
    """Yield the stages of a comparison: per seed its pre-trainings, then its trials."""
    for seed in range(comparison.seeds):
        for method, pretraining in comparison.pretrainings.items():
            if not pretraining.checkpoint:
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
    # Caches that exist already are not stages.
    inputs = [] if workspace.made_elsewhere else list(pretraining.reads)
    options = list(pretraining.options)
    if pretraining.teacher:
        stages, checkpoint = _find_pretrained(workspace, comparison, pretraining.teacher, seed)
        inputs += stages
        options.append(f"model.teacher_checkpoint={checkpoint}")
    training = Training(
        config=pretraining.config,
        folder=_pretraining_folder(workspace, method, seed),
        seed=seed,
        options=options,
        epochs=pretraining.epochs,
    )
    return training_stage(
        workspace,
        training,
        name=f"pretrain-{method}-seed{seed}",
        about=f"{pretraining.about} pre-training without labels, seed {seed}",
        inputs=inputs,
    )


def trial_stages(workspace: Workspace, comparison: Comparison, trial: Trial) -> Iterator[Stage]:
    """Yield the training on labels of one trial, then its evaluation."""
    protocol = comparison.protocols[trial.protocol]
    folder = trial.folder(workspace.work_dir)
    initialization = comparison.initializations[trial.initialization]
    config = protocol.config_of(trial.initialization)
    about = f"{protocol.about} from {initialization}, seed {trial.seed}"
    inputs: list[str] = []
    pretrained = ""
    if trial.initialization != RANDOM:
        inputs, pretrained = _find_pretrained(
            workspace, comparison, trial.initialization, trial.seed
        )
    training = Training(
        config=config,
        folder=folder,
        seed=trial.seed,
        pretrained=pretrained,
        options=protocol.options,
        epochs=protocol.epochs,
        arguments=protocol.arguments,
    )
    yield training_stage(
        workspace, training, name=trial.name, about=capitalize(about), inputs=inputs
    )
    yield test_stage(
        workspace,
        name=f"{trial.name}-test",
        about=f"Evaluation: {about}",
        config=config,
        checkpoint=last_checkpoint(workspace, config, folder, protocol.epochs),
        folder=folder / "test",
        inputs=[trial.name],
        arguments=protocol.arguments,
    )


def _find_pretrained(
    workspace: Workspace, comparison: Comparison, method: str, seed: int
) -> tuple[list[str], str]:
    """Return the stage of a pre-training, if it is run here, and its checkpoint."""
    pretraining = comparison.pretrainings[method]
    if pretraining.checkpoint:
        return [], pretraining.checkpoint
    folder = _pretraining_folder(workspace, method, seed)
    checkpoint = last_checkpoint(workspace, pretraining.config, folder, pretraining.epochs)
    return [f"pretrain-{method}-seed{seed}"], checkpoint


def _pretraining_folder(workspace: Workspace, method: str, seed: int) -> Path:
    return workspace.work_dir / "pretrain" / method / f"seed{seed}"
