"""Validation in training scores the checkpoint, with two processes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import Tensor, nn

from perception_kd.engine.distributed.start import prepare_distributed
from perception_kd.engine.run import launch
from perception_kd.engine.run.launch import read_config
from perception_kd.registry import MODELS
from tests.engine.toy import write_config
from tests.ranks import run_ranks

VALIDATION = """
val_dataloader = dict(
    batch_size=2,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    batch_sampler=dict(type="DistributedBatchSampler"),
    dataset=dict(type="ToyDataset", data_root=data_root, info_root=data_root),
)
val_evaluator = dict(type="MeanOverBatches")
val_cfg = dict()
custom_imports = dict(imports=["tests.engine.hooks.test_broadcast_buffers"])
"""


@MODELS.register_module()
class ToyNormModel(BaseModel):
    """A batch norm before a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3, momentum=0.5)
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor, y: Tensor, epoch: Tensor, mode: str = "tensor") -> Any:
        """Fit y; predict the error of the batch."""
        loss = (self.layer(self.norm(x))[:, 0] - y).square().mean()
        return [{"error": float(loss)}] if mode == "predict" else {"loss": loss}


class _Scores(Hook):
    def __init__(self) -> None:
        self.values: list[float] = []

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self.values.append((metrics or {})["error"])


def build(folder: str, launcher: str) -> tuple[Any, _Scores]:
    settings = {"experiment_name": f"{folder} {launcher}", "train_cfg.max_epochs": 2}
    cfg = read_config(Path(folder, "toy.py"), settings)
    cfg.model = dict(type="ToyNormModel")
    cfg.work_dir, cfg.launcher = str(Path(folder, "work")), launcher
    prepare_distributed(cfg, launcher)
    runner, scores = launch.build_runner(cfg), _Scores()
    runner.register_hook(scores)
    return runner, scores


def score_checkpoint(folder: str, launcher: str) -> float:
    runner, scores = build(folder, launcher)
    runner.load_checkpoint(str(Path(folder, "work", "epoch_2.pth")))
    runner.val()
    return scores.values[-1]


def train_and_score(rank: int, folder: str) -> dict[str, Any]:
    runner, scores = build(folder, "pytorch")
    runner.train()
    buffers = {k: v.clone() for k, v in runner.model.module.named_buffers()}
    torch.distributed.barrier()
    again = score_checkpoint(folder, "pytorch")
    return {"in training": scores.values[-1], "of checkpoint": again, "buffers": buffers}


@pytest.mark.slow
@pytest.mark.distributed
def test_validation_scores_the_weights_that_are_saved(tmp_path: Path) -> None:
    write_config(tmp_path, more=VALIDATION)
    first, second = run_ranks(train_and_score, str(tmp_path))
    assert first["in training"] == second["in training"]
    assert first["of checkpoint"] == pytest.approx(first["in training"], rel=1e-6)
    assert score_checkpoint(str(tmp_path), "none") == pytest.approx(first["in training"], rel=1e-6)
    assert all(torch.equal(v, second["buffers"][k]) for k, v in first["buffers"].items())
