"""Detection scores by nuScenes' matching on boxes of any classes in an info file."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet3d.evaluation.metrics.nuscenes_metric import lidar_nusc_box_to_global
from nuscenes.eval.common.data_classes import EvalBox, EvalBoxes
from nuscenes.eval.common.loaders import load_prediction
from nuscenes.eval.detection.data_classes import DetectionBox, DetectionConfig
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from perception_kd.datasets.info_parsing import class_of_category
from perception_kd.evaluation.nuscenes_boxes import SampleEvaluation
from perception_kd.io.info_file import open_info
from perception_kd.structures import InfoEntry

OTHER_RANGE = 50.0  # m, that of nuScenes' vehicles


class NamedBox(DetectionBox):
    """The devkit's box, which may have any class.

    Args:
        sample_token: Token of the sample.
        translation: Center in global coordinates in m, (x, y, z).
        size: Width, length and height in m.
        rotation: Unit quaternion (w, x, y, z).
        velocity: In global coordinates in m/s, (x, y); NaN if unknown.
        ego_translation: Not used.
        num_pts: Not used.
        detection_name: Name of the class.
        detection_score: Score of a prediction.
        attribute_name: Not used.
    """

    def __init__(
        self,
        sample_token: str,
        translation: Sequence[float],
        size: Sequence[float],
        rotation: Sequence[float],
        velocity: Sequence[float] = (0.0, 0.0),
        ego_translation: Sequence[float] = (0.0, 0.0, 0.0),
        num_pts: int = -1,
        detection_name: str = "",
        detection_score: float = -1.0,
        attribute_name: str = "",
    ) -> None:
        # DetectionBox would refuse the name of the class.
        EvalBox.__init__(
            self, sample_token, translation, size, rotation, velocity, ego_translation, num_pts
        )
        self.detection_name = detection_name
        self.detection_score = detection_score
        self.attribute_name = ""


def config_for(
    official: DetectionConfig, classes: Sequence[str], class_range: Mapping[str, float]
) -> DetectionConfig:
    """Return the official settings for other classes.

    Args:
        official: The devkit's settings.
        classes: Names of the classes.
        class_range: Distance from the ego vehicle in m up to which boxes of a class
            count; nuScenes' classes have the devkit's, others ``OTHER_RANGE``.
    """
    config = copy.copy(official)  # its constructor refuses other names
    ranges = {**official.class_range, **class_range}
    config.class_range = {name: ranges.get(name, OTHER_RANGE) for name in classes}
    config.class_names = list(classes)
    return config


class InfoEvaluation(SampleEvaluation):
    """The devkit's evaluation of any classes, with the boxes of an info file as truth.

    Matching, precision and errors are the devkit's. Boxes count that a LiDAR or radar
    point hits, up to the range of their class. Attributes do not exist.

    Args:
        config: Settings with the classes, as from :func:`config_for`.
        result_path: Predictions in the devkit's form, up to the range of their class.
        info: The info file; each predicted sample is in it.
    """

    def __init__(
        self, config: DetectionConfig, result_path: str | Path, info: Mapping[str, Any]
    ) -> None:
        self.cfg, self.verbose = config, False
        self.pred_boxes, self.meta = load_prediction(
            str(result_path), config.max_boxes_per_sample, NamedBox
        )
        entries = {entry["token"]: entry for entry in info["data_list"]}
        self.num_samples = len(entries)
        self.sample_tokens = self.pred_boxes.sample_tokens
        class_of = class_of_category(info["metainfo"].get("categories"), config.class_names)
        self.gt_boxes = EvalBoxes()
        for token in self.sample_tokens:
            self.gt_boxes.add_boxes(token, _truth_of(entries[token], class_of, config))


def _truth_of(
    entry: InfoEntry, class_of: Mapping[int, int], config: DetectionConfig
) -> list[NamedBox]:
    """Return the annotated boxes of an entry in global coordinates."""
    boxes = [
        Box(
            raw["bbox_3d"][:3],
            np.array(raw["bbox_3d"])[[4, 3, 5]],  # width before length
            Quaternion(axis=[0, 0, 1], radians=raw["bbox_3d"][6]),
            label=class_of[raw["bbox_label_3d"]],
            velocity=(*raw.get("velocity", (np.nan, np.nan)), 0.0),
        )
        for raw in entry.get("instances", [])
        if class_of[raw["bbox_label_3d"]] >= 0 and raw["bbox_3d_isvalid"]
    ]
    names = config.class_names
    return [
        NamedBox(
            entry["token"],
            box.center.tolist(),
            box.wlh.tolist(),
            box.orientation.elements.tolist(),
            box.velocity[:2].tolist(),
            detection_name=names[box.label],
        )
        for box in lidar_nusc_box_to_global(with_pose(entry), boxes, names, config)
    ]


def with_pose(entry: InfoEntry) -> InfoEntry:
    """Return an entry with its pose where mmdet3d reads it.

    Args:
        entry: Entry of an info file.
    """
    return {**entry, "ego2global": entry["lidar_points"]["ego2global"]}


def check_info_boxes(path: str, class_range: Mapping[str, float]) -> None:
    """Check that an info file has boxes of some classes to score against.

    Args:
        path: The info file.
        class_range: Names of the classes, with the distance in m up to which boxes
            count.

    Raises:
        ValueError: If a class is unknown, or no box that counts has one.
    """
    info, classes = open_info(path), list(class_range)
    try:
        class_of = class_of_category(info["metainfo"].get("categories"), classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    boxes = [box for entry in info["data_list"] for box in entry.get("instances") or []]
    labels = [class_of.get(box["bbox_label_3d"], -1) for box in boxes]
    if not any(
        label >= 0
        and box["bbox_3d_isvalid"]
        and np.hypot(*box["bbox_3d"][:2]) < class_range[classes[label]]
        for label, box in zip(labels, boxes, strict=True)
    ):
        raise ValueError(
            f"{path} has {len(boxes)} boxes, but none with points and in range of the classes "
            f"{', '.join(classes)} to score against; choose other --classes, use format_only to "
            "write predictions, or train without validation."
        )
