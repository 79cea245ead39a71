"""The networks that a demo trained, and what they say of some keyframes."""

from typing import Any

import torch
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.engine.inference import build_test_set
from perception_kd.engine.launch import check_data_folders, read_config
from perception_kd.experiments import comparisons
from perception_kd.experiments.report.work_dir import ARMS, PROTOCOLS, Run, WorkDir, task_of
from perception_kd.registry import MODELS


def first_finished(runs: dict[str, Run]) -> Run | None:
    """Return the first run that has a config and a checkpoint."""
    return next((r for r in runs.values() if r.config is not None and r.checkpoint), None)


def finished_runs(work: WorkDir, protocol: str) -> dict[str, Run]:
    """Return the first finished run of each arm of a protocol that has one."""
    found = {
        arm: first_finished(work.runs(protocol, arm))
        for arm in comparisons.PROTOCOLS[protocol].arms
    }
    return {arm: run for arm, run in found.items() if run is not None}


def protocols_of(work: WorkDir, task: str) -> list[str]:
    """Return the protocols that were asked for and judge one task."""
    return [name for name in work.protocols if task_of(name) == task]


def name_unfinished(work: WorkDir, task: str, what: str) -> tuple[str, ...]:
    """Say of which arms nothing can be shown yet, in sentences.

    Args:
        work: Folder of the demo.
        task: As in :func:`protocols_of`.
        what: What cannot be shown.
    """
    sentences = []
    for protocol in protocols_of(work, task):
        finished = finished_runs(work, protocol)
        missing = [ARMS[arm] for arm in comparisons.PROTOCOLS[protocol].arms if arm not in finished]
        if missing:
            arms = " and ".join(missing)
            sentences.append(f"{PROTOCOLS[protocol]}: no {what} of {arms}, not trained yet.")
    return tuple(sentences)


def read_run_config(run: Run) -> Config:
    """Return the config of a finished run, its data known to be there.

    Raises:
        FileNotFoundError: If the data is gone.
    """
    cfg = read_config(str(run.config))
    check_data_folders(cfg, "test_dataloader")
    init_default_scope(cfg.default_scope)
    return cfg


def load_network(cfg: Config, run: Run) -> Any:
    """Build the network of a finished run and load all its weights.

    Raises:
        ValueError: If the weights do not fit.
    """
    model = MODELS.build(cfg.model).eval()
    load_pretrained(model, str(run.checkpoint), min_share=1.0)
    return model


def spread(length: int, num: int) -> list[int]:
    """Return the middles of ``num`` equal parts of a range, all of it if it is short.

    Example:
        >>> spread(24, 2)
        [6, 18]
    """
    num = min(length, num)
    return [int((i + 0.5) * length / num) for i in range(num)]


@torch.no_grad()
def predict_keyframes(run: Run, num: int) -> list[Any]:
    """Run a network on some keyframes, spread over the test set.

    Args:
        run: A finished one.
        num: How many keyframes at most.

    Returns:
        Data samples with predictions, as ``tools/test.py`` scores them, on the CPU.

    Raises:
        FileNotFoundError: If the data is gone.
    """
    cfg = read_run_config(run)
    model = load_network(cfg, run)
    dataset = build_test_set(cfg, cfg.test_dataloader.dataset.pipeline)
    batches = (pseudo_collate([dataset[index]]) for index in spread(len(dataset), num))
    return [model.test_step(batch)[0].cpu() for batch in batches]
