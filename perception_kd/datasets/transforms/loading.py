"""Load the sweeps, point labels and images of a sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from perception_kd.datasets.semantic_labels import IGNORE_INDEX, UNKNOWN_LABEL
from perception_kd.datasets.transforms.base import Transform
from perception_kd.geometry.rigid import transform_points
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image
from perception_kd.io.point_checks import is_plausible
from perception_kd.io.point_files.readers import read_labels, read_points
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Indices, Points, Sample


@TRANSFORMS.register_module()
class LoadPoints(Transform):
    """Load the sweep of a sample and, optionally, earlier sweeps.

    Further columns of the file (the ring index in nuScenes) are dropped; the fifth
    column is the time lag. Points that are not finite or farther away than 10 km are
    dropped, and the first file with such points is logged.

    Reads: ``lidar_path``, ``point_layout``; ``lidar_sweeps``, ``timestamp`` with
    sweeps. Writes: ``points``, ``original_points`` (-1 for points of earlier sweeps).
    None if no point is left.

    Args:
        num_sweeps: Number of earlier sweeps to add, nearest first; a sample with fewer
            adds all of them. Their points are moved to the sample's LiDAR coordinates.
        sweep_min_distance: Points of earlier sweeps closer to their sensor than this
            along both x and y, in m, are dropped: they are returns from the ego
            vehicle.
        random_sweeps: Whether the earlier sweeps are drawn from all that the sample
            has, as BEVFusion does in training, and not the nearest.

    Raises:
        ValueError: If ``num_sweeps`` is negative.
    """

    def __init__(
        self, num_sweeps: int = 0, sweep_min_distance: float = 1.0, random_sweeps: bool = False
    ) -> None:
        if num_sweeps < 0:
            raise ValueError(f"num_sweeps must not be negative, but got {num_sweeps}.")
        self.num_sweeps = num_sweeps
        self.sweep_min_distance = sweep_min_distance
        self.random_sweeps = random_sweeps
        self._has_logged = self._has_read = False

    def __call__(self, sample: Sample) -> Sample | None:
        """Return the sample with points.

        Raises:
            FileNotFoundError: If a sweep is missing.
            BrokenFileError: If a sweep is truncated or does not hold points.
        """
        is_first, self._has_read = not self._has_read, True
        points = read_points(
            sample["lidar_path"],
            sample["point_layout"],
            check_layout=is_first,
        )
        points, rows = self._to_columns(points, 0.0, sample["lidar_path"])
        clouds, originals = [points], [rows]
        for sweep in self._choose_sweeps(sample):
            clouds.append(self._load_sweep(sample, sweep))
            originals.append(np.full(len(clouds[-1]), -1, dtype=np.int64))
        if not sum(map(len, clouds)):
            return None
        return {
            **sample,
            "points": np.concatenate(clouds),
            "original_points": np.concatenate(originals),
        }

    def _choose_sweeps(self, sample: Sample) -> Sequence[Mapping[str, Any]]:
        """Return the earlier sweeps to add, nearest first."""
        sweeps = sample.get("lidar_sweeps", [])
        if not self.random_sweeps or len(sweeps) <= self.num_sweeps:
            return sweeps[: self.num_sweeps]
        drawn = sample["rng"].choice(len(sweeps), self.num_sweeps, replace=False)
        return [sweeps[place] for place in np.sort(drawn)]

    def _load_sweep(self, sample: Sample, sweep: Mapping[str, Any]) -> Points:
        points = read_points(sweep["lidar_path"], sample["point_layout"])
        lag = sample["timestamp"] - sweep["timestamp"]
        points, _ = self._to_columns(points, lag, sweep["lidar_path"])
        points = points[(np.abs(points[:, :2]) >= self.sweep_min_distance).any(axis=1)]
        points[:, :3] = transform_points(points[:, :3], np.asarray(sweep["sweep2lidar"]))
        return points

    def _to_columns(self, stored: Points, lag: float, path: str) -> tuple[Points, Indices]:
        """Return plausible points, (N, 5), and their rows in the file, (N,)."""
        rows = np.flatnonzero(is_plausible(stored))
        num_dropped = len(stored) - len(rows)
        if num_dropped and not self._has_logged:
            self._has_logged = True
            MMLogger.get_current_instance().warning(
                f"LoadPoints: dropped {num_dropped} of {len(stored)} points of {path} that are not "
                "finite or too far away; further files with such points are not logged."
            )
        points = np.full((len(rows), 5), lag, dtype=np.float32)
        points[:, :4] = stored[rows, :4]
        return points, rows


@TRANSFORMS.register_module()
class LoadPointLabels(Transform):
    """Load the class of each point of the keyframe's sweep.

    nuScenes-lidarseg stores uint8, SemanticKITTI uint32 with the instance in the upper
    16 bits, which are dropped. Points of earlier sweeps have no label.

    Reads: ``pts_semantic_mask_path``, ``label_mapping``, ``original_points``,
    ``lidar_path``, ``point_layout``. Writes: ``pts_semantic_mask``.

    Args:
        dtype: Stored type of a label, "uint8" or "uint32".
        ignore_index: Class of points without a label.

    Raises:
        ValueError: If ``dtype`` is neither of the two.
    """

    def __init__(self, dtype: str = "uint8", ignore_index: int = IGNORE_INDEX) -> None:
        if dtype not in ("uint8", "uint32"):
            raise ValueError(f'dtype must be "uint8" or "uint32", but got {dtype!r}.')
        self.dtype = np.dtype(dtype)
        self.ignore_index = ignore_index

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with the class of each point.

        Raises:
            FileNotFoundError: If the sample has no labels, or their file is missing.
            BrokenFileError: If the file does not have one label per point, or a label
                has no class.
            ValueError: If the class of each label is unknown.
        """
        path = sample["pts_semantic_mask_path"]
        if path is None:
            raise FileNotFoundError(
                f"No point labels in the info file for sample {sample['sample_token']}; use a "
                "split that has labels, or rebuild the info file after adding them."
            )
        if "label_mapping" not in sample:
            raise ValueError(
                f"No classes are known for the point labels of sample {sample['sample_token']}; "
                "give label_mapping to the data set, or describe it in "
                "perception_kd/datasets/catalog.py."
            )
        classes = self._read_classes(sample, path)
        row = sample["original_points"]
        return {
            **sample,
            "pts_semantic_mask": np.where(row >= 0, classes[row], self.ignore_index),
        }

    def _read_classes(self, sample: Sample, path: str) -> Indices:
        """Return the class of each row of the sweep's file."""
        stored = read_labels(
            path,
            self.dtype,
            sample["lidar_path"],
            sample["point_layout"],
        )
        labels = stored.astype(np.int64) & 0xFFFF
        mapping = np.asarray(sample["label_mapping"], dtype=np.int64)
        if labels.max() >= len(mapping):
            raise BrokenFileError(
                f"{path} has label {labels.max()}, but label_mapping has {len(mapping)} entries; "
                "check that the mapping belongs to the data set."
            )
        classes = mapping[labels]
        unknown = labels[classes == UNKNOWN_LABEL]
        if len(unknown):
            raise BrokenFileError(
                f"{path} has label {unknown[0]}, which the data set does not have, at "
                f"{len(np.flatnonzero(unknown == unknown[0]))} of {len(labels)} points. Copy the "
                "file again, give label_mapping to the data set, or skip such samples with "
                'on_error="skip".'
            )
        return classes


@TRANSFORMS.register_module()
class LoadImages(Transform):
    """Load the image of each view.

    Reads: ``img_paths``; ``img_shapes`` where present. Writes: ``imgs``.
    """

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with images.

        Raises:
            FileNotFoundError: If an image is missing, or the sample has no camera.
            BrokenFileError: If an image is truncated, not an image, or of another size
                than the info file says.
        """
        paths = sample["img_paths"]
        if not paths:
            raise FileNotFoundError(
                f"Sample {sample.get('sample_token')} has no image of the cameras to use; select "
                'cameras that it has, or skip such samples with on_error="skip".'
            )
        shapes = sample.get("img_shapes", [None] * len(paths))
        imgs = [read_image(path, shape) for path, shape in zip(paths, shapes, strict=True)]
        return {**sample, "imgs": imgs}
