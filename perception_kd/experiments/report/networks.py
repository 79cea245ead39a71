"""The trained networks of a demo, and their predictions for some keyframes."""

from typing import Any

import torch
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.inference import build_test_set
from perception_kd.engine.run.launch import check_data_folders, read_config
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.registry import MODELS


def first_finished(runs: dict[str, TrainingRun]) -> TrainingRun | None:
    """Return the first run that has started and has a checkpoint."""
    return next((run for run in runs.values() if run.has_started and run.checkpoint), None)


def finished_runs(work: WorkDir, protocol: str) -> dict[str, TrainingRun]:
    """Return the first finished run of a protocol, by initialization."""
    found = {
        initialization: first_finished(work.runs(protocol, initialization))
        for initialization in work.comparison.protocols[protocol].initializations
    }
    return {key: run for key, run in found.items() if run is not None}


def protocols_of(work: WorkDir, task: str) -> list[str]:
    """Return the protocols of this demo that evaluate one task."""
    return [name for name in work.protocols if work.comparison.protocols[name].task == task]


def name_unfinished(work: WorkDir, task: str, what: str) -> tuple[str, ...]:
    """Return sentences that name the initializations with nothing to show yet.

    Args:
        work: Work dir of the demo.
        task: Task whose protocols are asked about.
        what: What is missing, such as "boxes".
    """
    sentences = []
    for protocol in protocols_of(work, task):
        finished = finished_runs(work, protocol)
        missing = [
            work.comparison.initialization_titles[key]
            for key in work.comparison.protocols[protocol].initializations
            if key not in finished
        ]
        if missing:
            names, title = " and ".join(missing), work.comparison.protocol_titles[protocol]
            sentences.append(f"{title}: no {what} of {names} yet.")
    return tuple(sentences)


def read_run_config(run: TrainingRun) -> Config:
    """Return the config of a finished run, after a check that its data exists.

    It is the config that the comparison names, not the one in the folder of the run: a
    config is a program, and its settings can name any function as a type. From that
    folder come only the paths of the data.

    Raises:
        FileNotFoundError: If the data is missing.
        ValueError: If the run does not say where its data is.
    """
    cfg = read_config(str(run.config))
    set_data_folders(cfg, *run.data_folders())
    check_data_folders(cfg, "test_dataloader")
    init_default_scope(cfg.default_scope)
    return cfg


def load_network(cfg: Config, run: TrainingRun) -> Any:
    """Build the network of a finished run and load all its weights.

    Raises:
        ValueError: If the weights do not fit: the run was of another config.
    """
    model = MODELS.build(cfg.model).eval()
    load_pretrained(model, str(run.checkpoint), min_share=1.0)
    return model


def spread(length: int, num: int) -> list[int]:
    """Return the middles of ``num`` equal parts of a range, or all of a shorter one.

    Example:
        >>> spread(24, 2)
        [6, 18]
    """
    num = min(length, num)
    return [int((i + 0.5) * length / num) for i in range(num)]


@torch.no_grad()
def predict_keyframes(run: TrainingRun, num: int) -> list[Any]:
    """Run a network on some keyframes, spread over the test set.

    Args:
        run: A finished run.
        num: Maximum number of keyframes.

    Returns:
        Data samples with predictions, as ``tools/test.py`` evaluates them, on the CPU.

    Raises:
        FileNotFoundError: If the data is missing.
    """
    cfg = read_run_config(run)
    model = load_network(cfg, run)
    dataset = build_test_set(cfg, cfg.test_dataloader.dataset.pipeline)
    batches = (pseudo_collate([dataset[index]]) for index in spread(len(dataset), num))
    return [model.test_step(batch)[0].cpu() for batch in batches]
