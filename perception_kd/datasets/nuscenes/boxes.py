"""Annotated boxes of one nuScenes scene."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nuscenes.utils.data_classes import Box
from nuscenes.utils.geometry_utils import points_in_box

from perception_kd.datasets.box_checks import Fit, measure_fit
from perception_kd.datasets.nuscenes.categories import make_categories
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.frames import SceneFrames
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.labels import box_class
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.sweep_points import read_positions
from perception_kd.datasets.nuscenes.table_fields import describe

_MEASURE_EACH = 8  # keyframes: boxes of one of them are compared with points


class SceneBoxes:
    """Boxes of one scene as plain dicts.

    Args:
        nusc: The scene's tables.
        frames: Its frames.
        options: Layout of the points.

    Attributes:
        num_by_category: Number of boxes of each category.
        fits: How well points of some keyframes fill the boxes of each category.
    """

    def __init__(self, nusc: CheckedTables, frames: SceneFrames, options: SceneOptions) -> None:
        self._nusc, self._frames, self._options = nusc, frames, options
        self._label_of = make_categories(nusc.category)
        self.num_by_category: Counter[str] = Counter()
        self.fits: dict[str, Fit] = {}
        self._num_measured = 0

    def instances(self, sample: Record, lidar: Record) -> list[dict[str, Any]]:
        """Return the boxes of a keyframe in the coordinates of its LiDAR.

        Raises:
            ValueError: If the previous annotation of a box is not earlier, or the next
                is not later.
        """
        lidar2global = self._frames.sensor2global(lidar)
        boxes = self._nusc.get_sample_data(lidar["token"])[1]
        instances = []
        for token, box in zip(sample["anns"], boxes, strict=True):
            annotation = self._nusc.get("sample_annotation", token)
            self._check_order(sample, annotation)
            velocity = np.append(self._nusc.box_velocity(token)[:2], 0.0)
            width, length, height = box.wlh.tolist()
            self.num_by_category[annotation["category_name"]] += 1
            category = annotation["category_name"]
            label = self._label_of[box_class(category) or category]
            num_lidar_pts = annotation.get("num_lidar_pts")
            if num_lidar_pts is None:
                num_lidar_pts = self._count_points(lidar, box)
            instances.append(
                {
                    "bbox_label": label,
                    "bbox_3d": [
                        *box.center.tolist(),
                        *(length, width, height),
                        box.orientation.yaw_pitch_roll[0],
                    ],
                    "bbox_3d_isvalid": num_lidar_pts + annotation["num_radar_pts"] > 0,
                    "bbox_label_3d": label,
                    "num_lidar_pts": num_lidar_pts,
                    "num_radar_pts": annotation["num_radar_pts"],
                    "velocity": (velocity @ lidar2global[:3, :3])[:2].tolist(),
                }
            )
        self._measure_fits(sample, lidar, instances)
        return instances

    def _measure_fits(
        self, sample: Record, lidar: Record, instances: Sequence[Mapping[str, Any]]
    ) -> None:
        """Measure how well points fill the boxes of some keyframes."""
        number = self._num_measured
        self._num_measured += 1
        if not instances or number % _MEASURE_EACH:
            return
        points = np.asfortranarray(self._read_positions(lidar))
        for token, instance in zip(sample["anns"], instances, strict=True):
            name = self._nusc.get("sample_annotation", token)["category_name"]
            box = np.array([instance["bbox_3d"]], float)
            fit = measure_fit(points, box, [instance["num_lidar_pts"]])
            self.fits[name] = self.fits.get(name, Fit()).plus(fit)

    def camera_boxes(self, token: str) -> list[dict[str, Any]]:
        """Return the boxes that an image shows, for monocular detectors."""
        from mmdet3d.datasets.convert_utils import get_nuscenes_2d_boxes  # imports torch

        visibilities = list({x["visibility_token"] for x in self._nusc.sample_annotation})
        boxes: list[dict[str, Any]] = get_nuscenes_2d_boxes(self._nusc, token, visibilities)
        return boxes

    def _check_order(self, sample: Record, annotation: Record) -> None:
        for field, sign, word in (("prev", -1, "earlier"), ("next", 1, "later")):
            if not annotation[field]:
                continue
            other = self._nusc.get("sample_annotation", annotation[field])
            time = self._nusc.get("sample", other["sample_token"])["timestamp"]
            if sign * (time - sample["timestamp"]) <= 0:
                folder = Path(self._nusc.dataroot, self._nusc.version)
                raise ValueError(
                    f"{describe(folder, 'sample_annotation', annotation)} {field} is "
                    f"{annotation[field]!r}, which is not {word}; correct it."
                )

    def _count_points(self, lidar: Record, box: Box) -> int:
        """Return the number of the keyframe's points in a box."""
        return int(points_in_box(box, self._read_positions(lidar).T.astype(float)).sum())

    def _read_positions(self, lidar: Record) -> NDArray[np.floating[Any]]:
        """Return the positions of the points of a keyframe in m, shape (N, 3)."""
        return read_positions(Path(self._nusc.dataroot, lidar["filename"]), self._options)
