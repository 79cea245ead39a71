"""Augmentation of points; boxes follow.

SLidR [1] uses ``RandomRotateZ``, ``RandomFlipAxis`` and ``DropCuboids`` (of
``point_selection``) in this order; detectors and CALICO add ``RandomScale`` and
``RandomTranslate``. Images do not follow: pairs name rows of points, which stay.

- [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
  https://arxiv.org/abs/2203.16258
"""

import numpy as np

from perception_kd.datasets.transforms.base import RandomTransform, check_probability, check_range
from perception_kd.datasets.transforms.boxes import move_boxes
from perception_kd.geometry.rigid import make_rigid
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Array, Sample
from perception_kd.utils.checks import check_shape


def move_points(sample: Sample, matrix: Array) -> Sample:
    """Apply an affine map to the points and record it in ``lidar_aug_matrix``.

    Reads, each where present: ``points``, ``gt_bboxes_3d``, ``lidar_aug_matrix``.
    Writes: the same.

    Args:
        sample: The sample; it is not modified.
        matrix: Transform from current to augmented LiDAR coordinates, shape
            (4, 4). With boxes, a map that ``move_boxes`` accepts.

    Raises:
        ValueError: If the matrix has another shape, or boxes cannot follow it.
    """
    check_shape("matrix", matrix, (4, 4))
    moved = sample.copy()
    moved["lidar_aug_matrix"] = matrix @ sample.get("lidar_aug_matrix", np.eye(4))
    if "points" in sample:
        points = moved["points"] = sample["points"].copy()
        points[:, :3] = points[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    if "gt_bboxes_3d" in sample:
        moved["gt_bboxes_3d"] = move_boxes(sample["gt_bboxes_3d"], matrix)
    return moved


@TRANSFORMS.register_module()
class RandomRotateZ(RandomTransform[float]):
    """Rotate the points about the LiDAR's z axis.

    Convention: a positive angle rotates x towards y, counter-clockwise from above.

    Reads, writes: as ``move_points``.

    Args:
        range_deg: Bounds of the uniformly drawn angle in degrees. SLidR: a full turn.

    Raises:
        ValueError: If the bounds are not ascending.
    """

    def __init__(self, range_deg: tuple[float, float] = (0.0, 360.0)) -> None:
        self.range_deg = check_range("range_deg", range_deg)

    def draw(self, sample: Sample, rng: np.random.Generator) -> float:
        """Return the angle in rad."""
        return float(np.deg2rad(rng.uniform(*self.range_deg)))

    def apply(self, sample: Sample, params: float) -> Sample:
        """Return the sample rotated by an angle in rad."""
        cos, sin = np.cos(params), np.sin(params)
        matrix = np.eye(4)
        matrix[:2, :2] = [[cos, -sin], [sin, cos]]
        return move_points(sample, matrix)


@TRANSFORMS.register_module()
class RandomFlipAxis(RandomTransform[tuple[bool, bool]]):
    """Negate x, y, both or neither.

    Reads, writes: as ``move_points``.

    Args:
        p_x: Probability that x is negated.
        p_y: Probability that y is negated, independently.

    Raises:
        ValueError: If a probability is outside [0, 1].
    """

    def __init__(self, p_x: float = 0.5, p_y: float = 0.5) -> None:
        self.p_x = check_probability("p_x", p_x)
        self.p_y = check_probability("p_y", p_y)

    def draw(self, sample: Sample, rng: np.random.Generator) -> tuple[bool, bool]:
        """Return whether to negate x and y."""
        chance_x, chance_y = rng.random(2)
        return bool(chance_x < self.p_x), bool(chance_y < self.p_y)

    def apply(self, sample: Sample, params: tuple[bool, bool]) -> Sample:
        """Return the sample with x and y negated as drawn."""
        signs = [-1.0 if flip else 1.0 for flip in params]
        return move_points(sample, np.diag([*signs, 1.0, 1.0]))


@TRANSFORMS.register_module()
class RandomScale(RandomTransform[float]):
    """Scale the points about the LiDAR.

    Reads, writes: as ``move_points``.

    Args:
        scale_range: Bounds of the uniformly drawn factor.

    Raises:
        ValueError: If the bounds are not positive and ascending.
    """

    def __init__(self, scale_range: tuple[float, float] = (0.95, 1.05)) -> None:
        self.scale_range = check_range("scale_range", scale_range)
        if self.scale_range[0] <= 0:
            raise ValueError(f"scale_range must be positive, but got {scale_range}.")

    def draw(self, sample: Sample, rng: np.random.Generator) -> float:
        """Return the factor."""
        return float(rng.uniform(*self.scale_range))

    def apply(self, sample: Sample, params: float) -> Sample:
        """Return the sample scaled by a factor."""
        return move_points(sample, np.diag([params, params, params, 1.0]))


@TRANSFORMS.register_module()
class RandomTranslate(RandomTransform[Array]):
    """Translate all points by the same random vector.

    Reads, writes: as ``move_points``.

    Args:
        std: Standard deviation of the normally distributed shift along each axis in m.
            BEVFusion: 0.5.

    Raises:
        ValueError: If ``std`` is negative.
    """

    def __init__(self, std: float = 0.5) -> None:
        if std < 0:
            raise ValueError(f"std must not be negative, but got {std}.")
        self.std = std

    def draw(self, sample: Sample, rng: np.random.Generator) -> Array:
        """Return the shift in m, shape (3,)."""
        return rng.normal(0.0, self.std, 3)

    def apply(self, sample: Sample, params: Array) -> Sample:
        """Return the sample shifted."""
        return move_points(sample, make_rigid(np.eye(3), params))
