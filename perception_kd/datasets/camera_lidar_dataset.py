"""Synchronized camera images and LiDAR sweeps, one sample at a time."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from perception_kd.datasets.instances import (
    DETECTION_CLASSES,
    class_of_category,
    parse_instances,
)
from perception_kd.datasets.sample_info import make_rng, parse_sample
from perception_kd.datasets.selection import select_samples
from perception_kd.datasets.semantic_labels import (
    IGNORE_INDEX,
    NUSCENES_CLASSES,
    SEMANTICKITTI_CLASSES,
    nuscenes_label_mapping,
    semantickitti_label_mapping,
)
from perception_kd.datasets.shared_state import SharedState
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.info_file import read_info
from perception_kd.registry import DATASETS, TRANSFORMS
from perception_kd.structures import PipelineStep


@DATASETS.register_module()
class CameraLidarDataset(BaseDataset):
    """Samples of an info file: one LiDAR sweep and the cameras around it.

    One class for every data set that has such a file. A sample starts as the first
    block of ``docs/sample.md``: names, paths and matrices, nothing loaded, and no
    labels beyond the path of the point labels, unless ``with_boxes`` asks for them. The
    pipeline does the rest.

    A sample of which a transform leaves nothing (None) is logged, counted in
    ``skipped`` and replaced by another, drawn from its own generator; so are samples
    with missing or broken files under ``on_error="skip"``. In test mode nothing is
    replaced and both are errors.

    ``metainfo`` names the classes of each kind of label that samples have:
    ``box_classes`` (with ``with_boxes``), ``map_classes`` (with ``LoadBEVMasks``) and
    ``seg_classes`` (unless ``label_mapping`` replaces the data set's own).

    Args:
        ann_file: Info file of ``tools/create_data.py``, relative to ``info_root``.
        data_root: Folder of the data set.
        info_root: Folder of info files and caches; None means ``data_root``.
        pipeline: Transforms, as configs or callables.
        cameras: Names of the cameras to give, in this order; None means all of them.
        scenes: As in :func:`~perception_kd.datasets.selection.select_samples`, where
            names of splits and lists are those of ``perception_kd.datasets.splits``;
            SLidR pre-trains on "parametrize_train", and "nuscenes_slidr_1pct" has 1
            % of the labels.
        scene_step: As there, for a data set without such lists.
        sample_step: As there.
        seed: Seed of all that transforms draw, not negative.
        on_error: "raise" or "skip" samples with missing or broken files.
        max_sweeps: Earlier sweeps that a sample lists at most.
        label_mapping: Class of each raw point label, the others being ignored; None
            takes the data set's own.
        with_boxes: Give the annotated boxes, of the classes ``metainfo["classes"]``, by
            default nuScenes' ten in CenterPoint's order. Pre-training leaves it off.
        **kwargs: ``indices``, ``test_mode``, ``metainfo``, ``lazy_init``,
            ``max_refetch`` of mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError: If there is no info file.
        ValueError: If a setting is out of range, or the selection leaves no sample.
    """

    def __init__(
        self,
        ann_file: str,
        data_root: str,
        info_root: str | None = None,
        pipeline: Sequence[PipelineStep] = (),
        *,
        cameras: Sequence[str] | None = None,
        scenes: Sequence[str] | str | None = None,
        scene_step: int = 1,
        sample_step: int = 1,
        seed: int = 0,
        on_error: str = "raise",
        max_sweeps: int = 10,
        label_mapping: Mapping[int, int] | None = None,
        with_boxes: bool = False,
        **kwargs: Any,
    ) -> None:
        if min(scene_step, sample_step) < 1:
            raise ValueError(
                f"scene_step and sample_step must be at least 1, but got {scene_step} and "
                f"{sample_step}."
            )
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error must be "raise" or "skip", but got {on_error!r}.')
        if seed < 0:
            raise ValueError(f"seed must not be negative, but got {seed}.")
        self.info_root = os.path.abspath(info_root or data_root)
        self.cameras = cameras
        self.scenes = scenes
        self.scene_step = scene_step
        self.sample_step = sample_step
        self.seed = seed
        self.on_error = on_error
        self.max_sweeps = max_sweeps
        self.with_boxes = with_boxes
        self._label_mapping = label_mapping
        self._shared = SharedState()
        super().__init__(
            ann_file=os.path.join(self.info_root, ann_file),
            data_root=os.path.abspath(data_root),
            data_prefix={},
            pipeline=[TRANSFORMS.build(s) if isinstance(s, dict) else s for s in pipeline],
            **kwargs,
        )

    @property
    def skipped(self) -> dict[str, int]:
        """Samples skipped so far by reason, over all workers; empty where none was.

        Reasons: "missing_file", "broken_file", "nothing_left" (a transform gave None).
        """
        return self._shared.skipped

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that random numbers depend on, in running workers too."""
        self._shared.epoch = epoch

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return what a sample needs of each selected entry of the info file.

        Raises:
            FileNotFoundError: If there is no info file.
            ValueError: If it cannot be used, a camera is unknown, or no sample is left.
        """
        info = read_info(self.ann_file)
        for key, value in info["metainfo"].items():
            self._metainfo.setdefault(key, value)
        self._class_of_label = _make_label_mapping(info["metainfo"], self._label_mapping)
        if self._label_mapping is None:
            classes = SEMANTICKITTI_CLASSES if _is_kitti(info["metainfo"]) else NUSCENES_CLASSES
            self._metainfo.setdefault("seg_classes", classes)
        if not _is_kitti(info["metainfo"]):
            self._metainfo.setdefault("classes", DETECTION_CLASSES)
        if self.with_boxes:
            categories = info["metainfo"].get("categories")
            self._class_of_category = class_of_category(categories, self._metainfo["classes"])
            self._metainfo["box_classes"] = tuple(self._metainfo["classes"])
        for transform in self.pipeline.transforms:
            self._metainfo.update(getattr(transform, "metainfo", {}))
        selected = select_samples(info, self.scenes, self.scene_step, self.sample_step)
        return [self.parse_data_info(sample) for sample in selected]

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any]:
        """Return the first block of a sample, with paths relative to the data set."""
        sample = parse_sample(raw_data_info, self._metainfo, self.cameras, self.max_sweeps)
        if self.with_boxes:
            raw_boxes = raw_data_info.get("instances", [])
            sample["instances"] = parse_instances(raw_boxes, self._class_of_category)
        return sample

    def get_cat_ids(self, idx: int) -> set[int]:
        """Return the classes of a sample's valid boxes, for class-balanced sampling.

        Raises:
            ValueError: If the data set does not give boxes.
        """
        if not self.with_boxes:
            raise ValueError("with_boxes must be True for sampling by class, but got False.")
        boxes = super().get_data_info(idx)["instances"]
        return set(boxes["labels_3d"][boxes["is_valid"]].tolist()) - {-1}

    def get_data_info(self, idx: int, repeat: int = 0) -> dict[str, Any]:
        """Return the first block of ``docs/sample.md``, where the pipeline starts.

        Args:
            idx: Place in the data set.
            repeat: How often a wrapper gave the sample in this epoch before; each time
                other random numbers are drawn.
        """
        sample = super().get_data_info(idx)
        for key in ("lidar_path", "pts_semantic_mask_path"):
            sample[key] = sample[key] and os.path.join(self.data_root, sample[key])
        sample["img_paths"] = [os.path.join(self.data_root, path) for path in sample["img_paths"]]
        for sweep in sample["lidar_sweeps"]:
            sweep["lidar_path"] = os.path.join(self.data_root, sweep["lidar_path"])
        sample["data_root"] = self.data_root
        sample["info_root"] = self.info_root
        sample["label_mapping"] = self._class_of_label
        if self.with_boxes:
            sample["box_classes"] = self._metainfo["box_classes"]
        token = sample["sample_token"]
        sample["rng"] = make_rng(self.seed, self._shared.epoch, token, stream=2 * repeat)
        return sample

    def __getitem__(self, idx: int) -> Any:
        """Return a sample after the pipeline, or another in its place.

        Raises:
            As :meth:`get_repeat`.
        """
        return self.get_repeat(idx, 0)

    def get_repeat(self, idx: int, repeat: int) -> Any:
        """Return a sample after the pipeline, or another in its place.

        Args:
            idx: Place in the data set.
            repeat: As in :meth:`get_data_info`.

        Raises:
            FileNotFoundError: If a file is missing and ``on_error`` is "raise".
            BrokenFileError: If a file is broken and ``on_error`` is "raise".
            ValueError: If nothing is left of the sample in test mode, or of any sample.
        """
        first = self.get_data_info(idx)["sample_token"]
        rng = make_rng(self.seed, self._shared.epoch, first, stream=2 * repeat + 1)
        for _ in range(self.max_refetch + 1):
            packed = self.prepare_data(idx, repeat)
            if packed is not None:
                return packed
            idx = int(rng.integers(len(self)))
        raise ValueError(
            f"The pipeline must leave something of a sample, but {self.max_refetch + 1} samples in "
            f"place of {first} had nothing; skipped so far: {self.skipped}."
        )

    def prepare_data(self, idx: int, repeat: int = 0) -> Any:
        """Return a sample after the pipeline; None where it was skipped and counted.

        Args:
            idx: Place in the data set.
            repeat: As in :meth:`get_data_info`.

        Raises:
            FileNotFoundError: If a file is missing and may not be skipped.
            BrokenFileError: If a file is broken and may not be skipped.
            ValueError: If nothing is left of the sample in test mode.
        """
        sample = self.get_data_info(idx, repeat)
        token = sample["sample_token"]
        try:
            for transform in self.pipeline.transforms:
                sample = transform(sample)
                if sample is None:
                    return self._skip(
                        token, "nothing_left", f"{type(transform).__name__} left nothing"
                    )
        except (FileNotFoundError, BrokenFileError) as error:
            if self.on_error == "raise" or self.test_mode:
                raise
            missing = isinstance(error, FileNotFoundError)
            return self._skip(token, "missing_file" if missing else "broken_file", str(error))
        return sample

    def _skip(self, token: str, reason: str, details: str) -> None:
        if self.test_mode:
            raise ValueError(f"Test samples must not be skipped, but of {token} {details}.")
        self._shared.count_skip(reason)
        MMLogger.get_current_instance().warning(f"Skipped sample {token} ({reason}): {details}")


def _is_kitti(metainfo: Mapping[str, Any]) -> bool:
    return "kitti" in metainfo["dataset"].lower()


def _make_label_mapping(
    metainfo: Mapping[str, Any], label_mapping: Mapping[int, int] | None
) -> NDArray[np.int64]:
    """Return the class of each raw label, from a dict or the data set's own."""
    if label_mapping is None:
        kitti = _is_kitti(metainfo)
        return semantickitti_label_mapping() if kitti else nuscenes_label_mapping()
    class_of_label = np.full(max(256, max(label_mapping) + 1), IGNORE_INDEX, dtype=np.int64)
    class_of_label[list(label_mapping)] = list(label_mapping.values())
    return class_of_label
