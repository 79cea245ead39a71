"""Keyframes as the networks of a demo see them: what the pictures of a report show."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from mmengine.dataset import BaseDataset
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.engine.inference import (
    build_test_set,
    extract_features,
    load_pretrainer,
    pack,
    split_pipeline,
)
from perception_kd.engine.launch import read_config
from perception_kd.experiments import comparisons
from perception_kd.experiments.report.networks import (
    finished_runs,
    first_finished,
    load_network,
    read_run_config,
    spread,
)
from perception_kd.experiments.report.work_dir import Run, WorkDir
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample

METHOD = "slidr"
REGION_METHOD = "prc"
PROBE = "linear_probe"
PROBE_ARMS = comparisons.PROTOCOLS[PROBE].arms
# Beyond it a cloud is thin, and its middle would be drawn small.
VIEW_RANGE = 50.0  # m
CELL = 8  # px of the network's image to a cell of features


@dataclass(frozen=True)
class Keyframe:
    """One sample of the test set, and what the networks made of it.

    Attributes:
        sample: The sample of ``docs/sample.md``, images as stored.
        classes: Names of the classes.
        shown: Rows of ``sample["points"]`` within ``VIEW_RANGE``, shape (N,).
        in_range: Whether the pre-trained network saw a shown point, shape (N,).
        point_feats: Its features at the shown points, shape (N, D).
        pixel_feats: The teacher's, the mean over square cells that tile each image,
            shape (V, h, w, D).
        predictions: Class of each shown point by arm, of the linear probe, (N,) each.
    """

    sample: Sample
    classes: tuple[str, ...]
    shown: NDArray[np.int64]
    in_range: NDArray[np.bool_]
    point_feats: NDArray[np.float32]
    pixel_feats: NDArray[np.float32]
    predictions: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def truth(self) -> NDArray[np.int64] | None:
        """Class of each shown point, shape (N,); None where labels were not loaded."""
        mask = self.sample.get("pts_semantic_mask")
        return None if mask is None else mask[self.shown]

    @property
    def positions(self) -> NDArray[np.float32]:
        """Shown points in m in the LiDAR frame, shape (N, 3)."""
        return self.sample["points"][self.shown, :3]


def load_keyframes(work: WorkDir, num: int) -> list[Keyframe]:
    """Run the networks of a demo on some keyframes, spread over the test set.

    Args:
        work: Folder of the demo.
        num: How many at most.

    Raises:
        FileNotFoundError: If there is no pre-training yet, or its data is gone.
    """
    pretrained = first_finished(work.pretrainings(METHOD))
    if pretrained is None:
        raise FileNotFoundError(
            f"{work.path / 'pretrain' / METHOD} must hold a checkpoint, but has none yet."
        )
    cfg = read_run_config(pretrained)
    model = load_pretrainer(cfg, str(pretrained.checkpoint))
    probes = {
        arm: load_network(read_run_config(run), run)
        for arm, run in finished_runs(work, PROBE).items()
    }
    steps, packing = split_pipeline(cfg)
    # The network's images are small and squashed: pictures are of those as stored.
    resize = [TRANSFORMS.build(step) for step in steps if step["type"] == "ResizeImages"]
    loading = [step for step in steps if step["type"] != "ResizeImages"]
    regions = _region_loading(work, cfg.test_dataloader.dataset.info_root)
    dataset = build_test_set(cfg, [*loading, *_label_loading(work), *regions])

    keyframes = []
    for index in spread(len(dataset), num):
        sample = dataset[index]
        squashed = sample
        for step in resize:
            squashed = step(squashed)
        batch = pack(squashed, packing)
        points, pixels = extract_features(model, batch)
        shown = np.flatnonzero(np.linalg.norm(sample["points"][:, :2], axis=1) < VIEW_RANGE)
        keyframes.append(
            Keyframe(
                sample,
                _classes(dataset),
                shown,
                points.in_range.numpy(force=True)[shown],
                points.feats.numpy(force=True)[shown],
                _mean_of_cells(pixels),
                {arm: _predict(probe, batch)[shown] for arm, probe in probes.items()},
            )
        )
    return keyframes


def _classes(dataset: BaseDataset) -> tuple[str, ...]:
    return tuple(dataset.metainfo.get("seg_classes", ()))


def _mean_of_cells(feats: Tensor) -> NDArray[np.float32]:
    """Return the mean direction in each cell, (V, D, H, W) to (V, h, w, D)."""
    height, width = feats.shape[-2:]
    cells = F.adaptive_avg_pool2d(feats, (max(1, height // CELL), max(1, width // CELL)))
    return F.normalize(cells, dim=1).permute(0, 2, 3, 1).numpy(force=True)


def _label_loading(work: WorkDir) -> list[dict[str, Any]]:
    """Return the step that loads labels, as a probe has it; none where none began."""
    runs = [run for arm in PROBE_ARMS for run in work.runs(PROBE, arm).values()]
    return _steps_of(runs, "LoadPointLabels")


def _region_loading(work: WorkDir, info_root: str) -> list[dict[str, Any]]:
    """Return the step that loads regions, as a pre-training has it that finished.

    None where their cache is gone: the other pictures do without.
    """
    run = first_finished(work.pretrainings(REGION_METHOD))
    steps = _steps_of([run] if run else [], "LoadRegions")
    return [step for step in steps if (Path(info_root) / step["cache"]).is_dir()]


def _steps_of(runs: list[Run], kind: str) -> list[dict[str, Any]]:
    """Return the steps of one type in the test pipeline of the first run that began."""
    for run in runs:
        if run.config is not None:
            steps, _ = split_pipeline(read_config(run.config))
            return [step for step in steps if step["type"] == kind]
    return []


def _predict(probe: Any, batch: dict[str, Any]) -> NDArray[np.int64]:
    """Return the class of every point of a batch of one."""
    points_only = {**batch, "inputs": {"points": batch["inputs"]["points"]}}
    (sample,) = probe.test_step(points_only)
    return sample.pred_pts_seg.pts_semantic_mask.numpy(force=True)
