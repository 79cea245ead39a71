"""The steps that a training takes from given points and images to a batch."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from perception_kd.api.inference.building import find_class
from perception_kd.api.inference.calibration import Calibration
from perception_kd.datasets import transforms as T
from perception_kd.datasets.pipeline import list_steps
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.io.point_checks import is_plausible
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Image, Points, Sample

_OF_POINTS = (T.CropToDisc, T.CropToRange)
_OF_IMAGES = (T.ResizeImages, T.ScaleAndCropImages)
# They read files, targets or what others need for a loss; random ones augment.
_NOT_NEEDED = (
    *(T.LoadPoints, T.LoadImages, T.LoadPointLabels, T.LoadSuperpixels, T.LoadRegions),
    *(T.LoadBoxes, T.LoadBEVMasks, T.CropBoxesToRange, T.MakeCloudViews, T.RandomTransform),
    T.PackInputs,
)


class Given(NamedTuple):
    """The given parts of one sample; None for the others.

    Attributes:
        points: Points with five columns, shape (N, 5).
        imgs: V images, each (H, W, 3).
        calibration: Matrices of the V images.
    """

    points: Points | None = None
    imgs: list[Image] | None = None
    calibration: Calibration | None = None


class Preparation:
    """The steps of a test pipeline that change given points and images.

    Steps that read files, load labels or draw random numbers are left out.

    Args:
        settings: Config of a training.
        path: The checkpoint, for the log.

    Attributes:
        num_sweeps: Number of earlier sweeps that each point cloud of the training had.
        image_size: Height and width of the training's images in px; None where it took
            images of any size.
    """

    def __init__(self, settings: Mapping[str, Any], path: Path) -> None:
        self.num_sweeps = 0
        self.image_size: tuple[int, int] | None = None
        self._steps: list[Any] = []
        for step in _find_steps(settings):
            kind = find_class(TRANSFORMS, step.get("type"))
            if kind is T.LoadPoints:
                self.num_sweeps = int(step.get("num_sweeps", 0))
            elif kind in (*_OF_POINTS, *_OF_IMAGES):
                self._steps.append(TRANSFORMS.build(dict(step)))
                self.image_size = getattr(self._steps[-1], "size", self.image_size)
            elif kind is None or not issubclass(kind, _NOT_NEEDED):
                print_log(
                    f"{path}: the step {step.get('type')} of its pipeline is not applied to what "
                    "is given; apply it before.",
                    logger="current",
                    level=logging.WARNING,
                )

    def pack(self, given: Sequence[Given]) -> tuple[dict[str, list[Tensor]], list[Tensor]]:
        """Prepare and pack samples as a training does.

        Args:
            given: The samples of a batch, which all have the same parts.

        Returns:
            ``inputs`` as ``pseudo_collate`` makes them; and the rows of the points that
            are left, int64, each (M_b,); none without points.
        """
        packed: list[Mapping[str, Any]] = []
        rows = []
        for each in given:
            sample = self._apply(_make_sample(each))
            packed.append(T.PackInputs(meta_keys=())(sample)["inputs"])
            if "original_points" in sample:
                rows.append(torch.from_numpy(sample["original_points"]))
        return {key: [each[key] for each in packed] for key in packed[0]}, rows

    def _apply(self, sample: Sample) -> Sample:
        for step in self._steps:
            if ("points" if isinstance(step, _OF_POINTS) else "imgs") in sample:
                moved = step(sample)
                sample = _without_points(sample) if moved is None else moved
        return sample


def _find_steps(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of the test pipeline, or of another one if there is none."""
    for split in ("test", "val", "train"):
        for each in walk_settings(settings.get(f"{split}_dataloader")):
            if each.get("pipeline"):
                return [step for step in list_steps(each["pipeline"]) if isinstance(step, dict)]
    return []


def _make_sample(given: Given) -> Sample:
    sample: Sample = {}
    if given.points is not None:
        # As LoadPoints does.
        sample["original_points"] = np.flatnonzero(is_plausible(given.points))
        sample["points"] = given.points[sample["original_points"]]
    if given.imgs is not None:
        sample["imgs"] = given.imgs
    if given.calibration is not None:
        sample["lidar2cam"] = np.asarray(given.calibration.lidar2cam)
        sample["cam2img"] = np.asarray(given.calibration.cam2img)
    return sample


def _without_points(sample: Sample) -> Sample:
    return {
        **sample,
        "points": sample["points"][:0],
        "original_points": sample["original_points"][:0],
    }
