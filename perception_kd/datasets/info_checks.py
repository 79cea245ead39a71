"""Checks of the values of parsed samples, all of a data set at once."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.calibration_checks import find_intrinsics_fault
from perception_kd.geometry.rigid import ROTATION_TOLERANCE, rotation_errors
from perception_kd.structures import Array, Indices, InfoEntry, Mask, Sample

_MAX_OFFSET = 1e5  # m, between sensors and sweeps of one sample
_MAX_POSITION = 1e8  # m, in global coordinates
_MAX_LAG = 60.0  # s, between a sample and its sweeps
_MAX_TIME = 1e10  # s since 1970; in ms or ns the times of a recording are above


def count_lacking(samples: Sequence[InfoEntry], cameras: Sequence[str] | None) -> dict[str, int]:
    """Return in how many entries of an info file each camera is missing.

    Args:
        samples: The entries.
        cameras: The cameras to use; None means all that occur.

    Returns:
        Number of entries without it, for each camera that some lack.

    Raises:
        ValueError: If no entry has a camera that should be used.
    """
    views = [sample.get("images") for sample in samples]
    present = Counter(name for names in views if isinstance(names, dict) for name in names)
    unknown = [name for name in cameras or () if name not in present]
    if unknown:
        raise ValueError(
            f"cameras must be among {list(present)}, but got {unknown}; choose some, or None for "
            "all, with --cfg-options {train,val,test}_dataloader.dataset.cameras='[\"NAME\"]'."
        )
    wanted = present if cameras is None else cameras
    return {name: len(samples) - present[name] for name in wanted if present[name] < len(samples)}


class WrongValue(NamedTuple):
    """A wrong value.

    Attributes:
        place: Index of the sample that has it.
        text: What is wrong, with the field.
    """

    place: int
    text: str


def find_wrong_value(samples: Sequence[Sample]) -> WrongValue | None:
    """Return the first value that cannot be right; None if there is none.

    Rigid transforms must be finite and orthonormal, intrinsics finite with positive
    focal lengths that images of their size can have, times plausible, tokens unique,
    and boxes finite with positive sizes.

    Args:
        samples: Results of :func:`~perception_kd.datasets.info_parsing.parse_sample`,
            with ``instances`` where boxes are read.
    """
    if not samples:
        return None
    one_each = np.arange(len(samples))
    of_view = np.repeat(one_each, [len(sample["cam_names"]) for sample in samples])
    of_sweep = np.repeat(one_each, [len(sample["lidar_sweeps"]) for sample in samples])
    lidar2ego = np.stack([sample["lidar2ego"] for sample in samples])
    ego2global = np.stack([sample["ego2global"] for sample in samples])
    lidar2cam = np.concatenate([sample["lidar2cam"] for sample in samples])
    cam2img = np.concatenate([sample["cam2img"] for sample in samples])
    sweeps = [sweep for sample in samples for sweep in sample["lidar_sweeps"]]
    sweep2lidar = np.array([sweep["sweep2lidar"] for sweep in sweeps]).reshape(-1, 4, 4)
    times = np.array([sample["timestamp"] for sample in samples], float)
    lags = times[of_sweep] - np.array([sweep["timestamp"] for sweep in sweeps], float)
    candidates = (
        _first(_repeated(samples), one_each, "token is that of an earlier sample"),
        _find_transform(lidar2ego, one_each, "lidar_points.lidar2ego", _MAX_OFFSET),
        _find_transform(ego2global, one_each, "lidar_points.ego2global", _MAX_POSITION),
        _find_transform(lidar2cam, of_view, "lidar2cam of images", _MAX_OFFSET),
        _find_transform(sweep2lidar, of_sweep, "sweep2lidar of lidar_sweeps", _MAX_OFFSET),
        _find_intrinsics(cam2img, of_view),
        _find_other_size(samples, cam2img, of_view),
        _first(
            np.abs(times) > _MAX_TIME,
            one_each,
            "lidar_points.timestamp must be in s, but is later than the year 2286",
        ),
        _first(
            np.abs(lags) > _MAX_LAG,
            of_sweep,
            f"timestamp of lidar_sweeps must be within {_MAX_LAG:g} s of the sample's",
        ),
        _find_boxes(samples),
    )
    faults = [fault for fault in candidates if fault is not None]
    return min(faults, key=lambda fault: fault.place, default=None)


def _first(wrong: Mask, owners: Indices, text: str) -> WrongValue | None:
    places = np.flatnonzero(wrong)
    return WrongValue(int(owners[places[0]]), text) if len(places) else None


def _repeated(samples: Sequence[Sample]) -> Mask:
    tokens = np.array([sample["sample_token"] for sample in samples])
    repeated = np.ones(len(tokens), bool)
    repeated[np.unique(tokens, return_index=True)[1]] = False
    return repeated


def _find_transform(
    matrices: Array, owners: Indices, field: str, max_offset: float
) -> WrongValue | None:
    rotation, offset = matrices[:, :3, :3], matrices[:, :3, 3]
    with np.errstate(all="ignore"):
        right = rotation_errors(rotation) < ROTATION_TOLERANCE
        right &= (np.abs(matrices[:, 3] - (0, 0, 0, 1)) < 1e-6).all(axis=1)
        right &= (np.abs(offset) <= max_offset).all(axis=1)
    wrong = ~right
    if not wrong.any():
        return None
    text = f"{field} must be a rotation and a translation in m, but is "
    return _first(wrong, owners, text + _show(matrices[wrong][0]))


def _find_intrinsics(matrices: Array, owners: Indices) -> WrongValue | None:
    right = np.isfinite(matrices).all(axis=(1, 2)) & (matrices[:, 0, 0] > 0)
    right &= (matrices[:, 1, 1] > 0) & (matrices[:, 2] == (0, 0, 1)).all(axis=1)
    right &= (np.abs(matrices) <= 1e6).all(axis=(1, 2))
    wrong = ~right
    if not wrong.any():
        return None
    text = "cam2img of images must be intrinsics in px with positive focal lengths, but is "
    return _first(wrong, owners, text + _show(matrices[wrong][0]))


def _find_other_size(
    samples: Sequence[Sample], matrices: Array, owners: Indices
) -> WrongValue | None:
    """Return the first intrinsics that images of their size cannot have."""
    shapes = [shape or (0, 0) for sample in samples for shape in sample["img_shapes"]]
    rows = np.concatenate([matrices.reshape(-1, 9), np.reshape(shapes, (-1, 2))], axis=1)
    first: dict[bytes, int] = {}  # cameras keep their intrinsics, so there are few
    for place, row in enumerate(rows):
        first.setdefault(row.tobytes(), place)
    for place in first.values():
        height, width = shapes[place]
        if width and (fault := find_intrinsics_fault(matrices[place].tolist(), width, height)):
            return WrongValue(int(owners[place]), f"cam2img of images {fault}")
    return None


def _find_boxes(samples: Sequence[Sample]) -> WrongValue | None:
    if "instances" not in samples[0]:
        return None
    numbers = [len(sample["instances"]["bboxes_3d"]) for sample in samples]
    owners = np.repeat(np.arange(len(samples)), numbers)
    boxes = np.concatenate([sample["instances"]["bboxes_3d"] for sample in samples])
    counts = np.concatenate([sample["instances"]["num_lidar_pts"] for sample in samples])
    wrong = ~np.isfinite(boxes).all(axis=1) | (np.abs(boxes) > _MAX_OFFSET).any(axis=1)
    wrong |= (boxes[:, 3:6] <= 0).any(axis=1) | (counts < 0)
    if not wrong.any():
        return None
    text = (
        "instances: a box must have finite values, positive sizes and a number of points, but has "
        f"{_show(boxes[wrong][0])} and {counts[wrong][0]} points"
    )
    return _first(wrong, owners, text)


def _show(values: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values.ravel()) + "]"
