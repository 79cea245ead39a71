"""Keyframes with the features and predictions of a demo's networks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from mmengine.dataset import BaseDataset
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.engine.run.inference import (
    build_test_set,
    extract_features,
    load_pretrainer,
    pack,
    split_pipeline,
)
from perception_kd.engine.run.launch import read_config
from perception_kd.experiments.report.networks import (
    finished_runs,
    first_finished,
    load_network,
    protocols_of,
    read_run_config,
    spread,
)
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample

_TASK = "lidar_seg"
# Points farther away are sparse, and would make the view small.
VIEW_RANGE = 50.0  # m
CELL = 8  # px of the network's input image per cell of features


@dataclass(frozen=True)
class Keyframe:
    """One sample of the test set, with the features and predictions of the networks.

    Attributes:
        sample: The sample, with images as stored.
        classes: Names of the classes.
        shown: Rows of ``sample["points"]`` within ``VIEW_RANGE``, shape (N,).
        in_range: Whether a shown point is in the range of the pre-trained network,
            shape (N,).
        point_feats: Features of the pre-trained network at the shown points, shape
            (N, D).
        pixel_feats: Features of the teacher, averaged over square cells that tile each
            image, shape (V, h, w, D).
        predictions: Class of each shown point as predicted by the networks of the first
            protocol of LiDAR segmentation, by initialization, each of shape (N,).
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
        """Class of each shown point, shape (N,); None if labels were not loaded."""
        mask = self.sample.get("pts_semantic_mask")
        return None if mask is None else mask[self.shown]

    @property
    def positions(self) -> NDArray[np.float32]:
        """Positions of the shown points in LiDAR coordinates in m, shape (N, 3)."""
        return self.sample["points"][self.shown, :3]


def load_keyframes(work: WorkDir, num: int) -> list[Keyframe]:
    """Run the networks of a demo on some keyframes, spread over the test set.

    Args:
        work: Work dir of the demo.
        num: Maximum number of keyframes.

    Raises:
        FileNotFoundError: If there is no pre-training yet, or its data is missing.
    """
    pretrained = _first_reader(work, "superpixels")
    if pretrained is None:
        raise FileNotFoundError(f"{work.path / 'pretrain'} has no checkpoint with images yet.")
    cfg = read_run_config(pretrained)
    model = load_pretrainer(cfg, str(pretrained.checkpoint))
    probes = _load_probes(work)
    steps, packing = split_pipeline(cfg)
    # The report shows images as stored, not resized as for the network.
    resize = [TRANSFORMS.build(step) for step in steps if step["type"] == "ResizeImages"]
    loading = [step for step in steps if step["type"] != "ResizeImages"]
    regions = _region_loading(work, cfg.test_dataloader.dataset.info_root)
    dataset = build_test_set(cfg, [*loading, *_label_loading(work), *regions])

    keyframes = []
    for index in spread(len(dataset), num):
        sample = dataset[index]
        resized = sample
        for step in resize:
            resized = step(resized)
        batch = pack(resized, packing)
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
                {key: _predict(probe, batch)[shown] for key, probe in probes.items()},
            )
        )
    return keyframes


def probe_of(work: WorkDir) -> str:
    """Return the first protocol of LiDAR segmentation; empty where there is none."""
    return next(iter(protocols_of(work, _TASK)), "")


def _load_probes(work: WorkDir) -> dict[str, Any]:
    """Return the finished networks of the probe, by initialization."""
    probe = probe_of(work)
    runs = finished_runs(work, probe) if probe else {}
    return {key: load_network(read_run_config(run), run) for key, run in runs.items()}


def _first_reader(work: WorkDir, stage: str) -> TrainingRun | None:
    """Return the first finished pre-training that reads from a stage, if any."""
    methods = [key for key, m in work.comparison.pretrainings.items() if stage in m.reads]
    finished = (first_finished(work.pretrainings(method)) for method in methods)
    return next((run for run in finished if run is not None), None)


def _classes(dataset: BaseDataset) -> tuple[str, ...]:
    return tuple(dataset.metainfo.get("seg_classes", ()))


def _mean_of_cells(feats: Tensor) -> NDArray[np.float32]:
    """Return the normalized mean over each cell, (V, D, H, W) to (V, h, w, D)."""
    height, width = feats.shape[-2:]
    cells = F.adaptive_avg_pool2d(feats, (max(1, height // CELL), max(1, width // CELL)))
    return F.normalize(cells, dim=1).permute(0, 2, 3, 1).numpy(force=True)


def _label_loading(work: WorkDir) -> list[dict[str, Any]]:
    """Return the step that loads labels, as in a probe; empty if none has started."""
    probe = probe_of(work)
    names = work.comparison.protocols[probe].initializations if probe else ()
    runs = [run for name in names for run in work.runs(probe, name).values()]
    return _steps_of(runs, "LoadPointLabels")


def _region_loading(work: WorkDir, info_root: str) -> list[dict[str, Any]]:
    """Return the step that loads regions, as in a finished pre-training.

    Empty if their cache is missing: the other images do not need it.
    """
    run = _first_reader(work, "regions")
    steps = _steps_of([run] if run else [], "LoadRegions")
    return [step for step in steps if (Path(info_root) / step["cache"]).is_dir()]


def _steps_of(runs: list[TrainingRun], kind: str) -> list[dict[str, Any]]:
    """Return the steps of one type in the test pipeline of the first started run."""
    for run in runs:
        if run.has_started:
            steps, _ = split_pipeline(read_config(str(run.config)))
            return [step for step in steps if step["type"] == kind]
    return []


def _predict(probe: Any, batch: dict[str, Any]) -> NDArray[np.int64]:
    """Return the class of every point of a batch of one."""
    points_only = {**batch, "inputs": {"points": batch["inputs"]["points"]}}
    (sample,) = probe.test_step(points_only)
    return sample.pred_pts_seg.pts_semantic_mask.numpy(force=True)
