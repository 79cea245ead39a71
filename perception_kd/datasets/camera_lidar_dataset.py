"""Dataset of synchronized camera images and LiDAR sweeps."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.datasets.classes import add_known_classes, check_box_classes, map_point_labels
from perception_kd.datasets.info_checks import find_wrong_value
from perception_kd.datasets.info_parsing import (
    class_of_category,
    join_paths,
    parse_boxes,
    parse_sample,
)
from perception_kd.datasets.pipeline import Pipeline, list_steps
from perception_kd.datasets.replacing_dataset import ReplacingDataset
from perception_kd.datasets.seeding import make_rng
from perception_kd.datasets.selection import select_entries
from perception_kd.datasets.selection_settings import check_indices, check_selection_settings
from perception_kd.datasets.shared_state import SharedState
from perception_kd.io.errors import FieldError
from perception_kd.io.info_file import name_entry, open_info
from perception_kd.registry import DATASETS, TRANSFORMS
from perception_kd.structures import InfoEntry, Sample


@DATASETS.register_module()
class CameraLidarDataset(ReplacingDataset):
    """Samples of an info file, each a LiDAR sweep and the camera images around it.

    The class serves every data set that has an info file. A sample starts as the first
    block of ``docs/sample.md``: names, paths and matrices. Nothing is loaded, and the
    only labels are the path of the point labels and, with ``with_boxes``, the boxes.
    The pipeline does the rest.

    If a transform returns None, nothing is left of the sample: it is logged, counted in
    ``skipped`` and replaced by another one, drawn from a generator of its own. With
    ``on_error="skip"`` the same happens to samples with missing or broken files. In
    test mode no sample is replaced, and both cases are errors.

    ``metainfo`` names the classes of each kind of label that samples have:
    ``box_classes`` (with ``with_boxes``), ``map_classes`` (with ``LoadBEVMasks``) and
    ``seg_classes`` (unless ``label_mapping`` replaces the data set's own). The option
    ``--classes`` sets those of boxes or points by ``metainfo.classes`` or
    ``metainfo.seg_classes``.

    Args:
        ann_file: Info file of ``tools/create_data.py``, relative to ``info_root``.
        data_root: Folder of the data set.
        info_root: Folder of info files and caches; None means ``data_root``.
        pipeline: Transforms, as configs or callables; a list, or a dict of named steps
            (:func:`~perception_kd.datasets.pipeline.list_steps`).
        cameras: Names of the cameras to use, in this order; None means all of them. A
            sample that lacks a camera has one view less; their number is logged.
        scenes: Names of scenes; the name or ".txt" file of a list of scenes; or a split
            of the data set. SLidR pre-trains on "parametrize_train";
            "nuscenes_slidr_1pct" has 1 % of the labels. None means all.
        scene_step: Keep the N-th, 2N-th, ... of these scenes.
        sample_step: Keep the first of every N remaining samples.
        seed: Seed of the random numbers of all transforms, not negative.
        on_error: "raise" an error for missing or broken files, or "skip" the sample.
        max_sweeps: Largest number of earlier sweeps per sample.
        label_mapping: Class of each raw point label; other labels are ignored. None
            means the mapping in the catalog of data sets.
        with_boxes: Whether samples have the annotated boxes of the classes
            ``metainfo["classes"]``, by default those in the catalog of data sets
            (nuScenes: ten, in CenterPoint's order). Keep it off in pre-training.
        metainfo: Names of classes, and values that replace those of the info file.
        indices: Samples to keep: the first so many, the last so many if it is negative,
            or a list of indices; None keeps all.
        test_mode: Whether no sample may be replaced.
        max_refetch: Largest number of replacements of one sample.
        serialize_data: Whether samples are stored as bytes, which all processes share.
        lazy_init: Whether the info file is read at the first use only.

    Raises:
        FileNotFoundError: If there is no info file.
        ValueError: If a setting is out of range, or the selection leaves no sample.
    """

    def __init__(
        self,
        ann_file: str,
        data_root: str,
        info_root: str | None = None,
        pipeline: Pipeline = (),
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
        metainfo: Mapping[str, Any] | None = None,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        max_refetch: int = 1000,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        check_selection_settings(
            dict(
                scenes=scenes,
                scene_step=scene_step,
                sample_step=sample_step,
                cameras=cameras,
                seed=seed,
                on_error=on_error,
                max_sweeps=max_sweeps,
                label_mapping=label_mapping,
                metainfo=metainfo,
                indices=indices,
                max_refetch=max_refetch,
            )
        )
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
        self._chosen_indices = indices
        self._shared = SharedState()
        super().__init__(
            ann_file=os.path.join(self.info_root, ann_file),
            data_root=os.path.abspath(data_root),
            data_prefix={},
            pipeline=[
                TRANSFORMS.build(step) if isinstance(step, dict) else step
                for step in list_steps(pipeline)
            ],
            metainfo=metainfo,
            indices=indices,
            test_mode=test_mode,
            max_refetch=max_refetch,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[Sample]:
        """Return the first keys of the selected samples of the info file.

        Raises:
            FileNotFoundError: If there is no info file.
            ValueError: If it cannot be used, a camera is unknown, or no sample is left.
        """
        info = open_info(self.ann_file)
        for key, value in info["metainfo"].items():
            self._metainfo.setdefault(key, value)
        self._add_classes()
        self._class_of_label = map_point_labels(self._metainfo, self._label_mapping)
        entries = info["data_list"]
        places = select_entries(
            self.ann_file,
            info,
            scenes=self.scenes,
            scene_step=self.scene_step,
            sample_step=self.sample_step,
            cameras=self.cameras,
        )
        samples = []
        for place in places:
            raw = entries[place]
            with name_entry(self.ann_file, info, place):
                samples.append(self.parse_data_info(raw))
        if self.with_boxes and not self.test_mode:
            selected = (entries[place] for place in places)
            check_box_classes(self.ann_file, self._metainfo, selected, samples)
        fault = find_wrong_value(samples)
        if fault is not None:
            with name_entry(self.ann_file, info, places[fault.place]):
                raise FieldError(fault.text)
        check_indices(self._chosen_indices, len(samples))
        return samples

    def _add_classes(self) -> None:
        """Add the names of classes to ``metainfo`` as far as they are known."""
        of_points = self._label_mapping is None
        add_known_classes(self._metainfo, of_points=of_points, of_boxes=self.with_boxes)
        if self.with_boxes:
            classes = self._metainfo["box_classes"]
            self._class_of_category = class_of_category(self._metainfo.get("categories"), classes)
        for transform in self.pipeline.transforms:
            self._metainfo.update(getattr(transform, "metainfo", {}))

    def parse_data_info(self, raw_data_info: InfoEntry) -> Sample:
        """Return the first keys of a sample, with paths relative to the data set."""
        sample = parse_sample(raw_data_info, self._metainfo, self.cameras, self.max_sweeps)
        if self.with_boxes:
            raw_boxes = raw_data_info.get("instances", [])
            sample["instances"] = parse_boxes(raw_boxes, self._class_of_category)
        return sample

    def get_cat_ids(self, idx: int) -> set[int]:
        """Return the classes of a sample's valid boxes, for class-balanced sampling.

        Raises:
            ValueError: If the data set does not give boxes.
        """
        if not self.with_boxes:
            raise ValueError("Class-balanced sampling needs a dataset built with with_boxes=True.")
        boxes = super().get_data_info(idx)["instances"]
        return set(boxes["labels_3d"][boxes["is_valid"]].tolist()) - {-1}

    def get_data_info(self, idx: int, repeat: int = 0) -> Sample:
        """Return the first block of ``docs/sample.md``, where the pipeline starts.

        Args:
            idx: Index in the data set.
            repeat: How often a wrapper has used the sample in this epoch before; each
                time, other random numbers are drawn.
        """
        sample: Sample = super().get_data_info(idx)
        join_paths(sample, self.data_root)
        # Constants of the data set, so that a transform needs nothing but the sample.
        # They are references: a sample holds no copy.
        sample["data_root"] = self.data_root
        sample["info_root"] = self.info_root
        if self._class_of_label is not None:
            sample["label_mapping"] = self._class_of_label
        if self.with_boxes:
            sample["box_classes"] = self._metainfo["box_classes"]
        sample["rng"] = make_rng(
            self.seed, self._shared.epoch, sample["sample_token"], stream=2 * repeat
        )
        return sample
