"""Each sample of an evaluation counts once, whatever the number of processes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import Dataset

from perception_kd.datasets import distributed_batches
from perception_kd.datasets.distributed_batches import DistributedBatchSampler
from perception_kd.evaluation.metrics import (
    LidarSegMetric,
    MapSegMetric,
    MeanOverBatches,
    NuScenesDetMetric,
)
from tests.ranks import run_ranks
from tests.test_configs import CONFIGS

NUM_CLASSES = 3


def deal(
    monkeypatch: pytest.MonkeyPatch, num_samples: int, batch_size: int, processes: int
) -> list[list[list[int]]]:
    sampler = SimpleNamespace(dataset=range(num_samples), shuffle=False)
    dealt = []
    for rank in range(processes):
        monkeypatch.setattr(
            distributed_batches, "get_dist_info", lambda rank=rank: (rank, processes)
        )
        batches = DistributedBatchSampler(sampler, batch_size)
        assert len(batches) == len(list(batches))
        dealt.append(list(batches))
    return dealt


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("num_samples", [1, 4, 7, 8])
def test_batches_are_those_of_one_process(
    num_samples: int, batch_size: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (expected,) = deal(monkeypatch, num_samples, batch_size, processes=1)
    assert [index for batch in expected for index in batch] == list(range(num_samples))
    dealt = deal(monkeypatch, num_samples, batch_size, processes)
    assert sorted(batch for of_rank in dealt for batch in of_rank) == expected
    sizes = [len(of_rank) for of_rank in dealt]
    assert max(sizes) - min(sizes) <= 1


def test_a_shuffled_evaluation_is_refused() -> None:
    with pytest.raises(ValueError, match="shuffle=False"):
        DistributedBatchSampler(SimpleNamespace(dataset=range(3), shuffle=True), 2)


class _Numbers(Dataset[int]):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index


class _Tokens(NuScenesDetMetric):
    """The metric of boxes, up to what it hands to the devkit."""

    def compute_metrics(self, results: list[tuple[str, dict[str, Any]]]) -> dict[str, float]:
        assert sorted(token for token, _ in results) == sorted({token for token, _ in results})
        return {"samples": len(results), "boxes": sum(len(b["scores_3d"]) for _, b in results)}


def predict(index: int) -> dict[str, Any]:
    """Make what a model predicts of a sample, differing by sample."""
    generator = torch.Generator().manual_seed(index)
    count = 10 + 5 * index
    masks = torch.rand(2, NUM_CLASSES, 4, 4, generator=generator)
    truth, found = torch.randint(NUM_CLASSES, (2, count), generator=generator)
    return {
        "gt_pts_seg": {"pts_semantic_mask": truth},
        "pred_pts_seg": {"pts_semantic_mask": found},
        "gt_bev_seg": {"masks": masks[0] > 0.5},
        "pred_bev_seg": {"masks": masks[1]},
        "sample_token": f"token {index}",
        "pred_instances_3d": {"scores_3d": torch.rand(index)},
    }


def make_metrics(folder: str) -> list[Any]:
    names = ["a", "b", "c"]
    metrics: list[Any] = [
        LidarSegMetric(classes=names),
        MapSegMetric(classes=names),
        _Tokens(data_root=folder, ann_file="infos.pkl", format_only=True, submission_dir=folder),
        MeanOverBatches(prefix="val"),
    ]
    metrics[2].dataset_meta = {"classes": names}
    return metrics


def score(rank: int, folder: str, lengths: list[int]) -> list[dict[str, float]]:
    """Return the scores of all metrics for data sets of some lengths."""
    init_default_scope("perception_kd")
    cfg = Config.fromfile(CONFIGS / "_base_" / "datasets" / "keyframes.py")
    settings = dict(cfg.val_dataloader, batch_size=2, num_workers=0, persistent_workers=False)
    scores = []
    for length in lengths:
        loader = Runner.build_dataloader({**settings, "dataset": _Numbers(length)})
        metrics = make_metrics(folder)
        for batch in loader:
            samples = [predict(index) for index in batch]
            for metric in metrics[:3]:
                metric.process(None, samples)
            metrics[3].process(None, [{"loss": float(np.prod(np.add(batch, 2)))}])
        found: dict[str, float] = {}
        for metric in metrics:
            found |= metric.evaluate(length)
        scores.append(found)
    return scores


@pytest.mark.slow
@pytest.mark.distributed
def test_each_sample_counts_once_on_three_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # mmengine collects results in the working directory
    lengths = [1, 4, 5, 7]
    expected = score(0, str(tmp_path), lengths)
    assert [values["nuscenes/samples"] for values in expected] == lengths
    for ranks in run_ranks(score, str(tmp_path), lengths, num_ranks=3):
        for found, values in zip(ranks, expected, strict=True):
            assert found == pytest.approx(values, rel=1e-12)
