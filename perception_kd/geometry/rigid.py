"""Rigid transforms as 4x4 matrices that act on column vectors."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array
from perception_kd.utils.checks import check_shape

if TYPE_CHECKING:  # workers that convert data sets need no torch
    from torch import Tensor

# Largest error of a rotation in a file: calibrations are written with few digits.
ROTATION_TOLERANCE = 0.01

ArrayOrTensor = TypeVar("ArrayOrTensor", NDArray[Any], "Tensor")


def make_rigid(rotation: Array, translation: Array) -> Array:
    """Return the 4x4 matrix of ``x_dst = rotation @ x_src + translation``.

    Args:
        rotation: Rotation matrix, shape (3, 3).
        translation: Origin of source in destination coordinates in m, shape
            (3,).

    Raises:
        ValueError: If an argument has the wrong shape.
    """
    rotation, translation = np.asarray(rotation, float), np.asarray(translation, float)
    check_shape("rotation", rotation, (3, 3))
    check_shape("translation", translation, (3,))
    src2dst = np.eye(4)
    src2dst[:3, :3] = rotation
    src2dst[:3, 3] = translation
    return src2dst


def rotation_errors(matrices: Array, *, may_mirror: bool = False) -> Array:
    """Return the deviation of matrices from rotations.

    Args:
        matrices: Shape (N, 3, 3).
        may_mirror: Whether reflections count as rotations.

    Returns:
        Largest deviation of R R^T from the identity, shape (N,); NaN or infinite for
        matrices with such numbers, infinite for reflections unless ``may_mirror``.

    Example:
        >>> rotation_errors(np.stack([np.eye(3), np.diag([1.0, 1.0, -1.0])]))
        array([ 0., inf])
    """
    products = matrices @ matrices.transpose(0, 2, 1)
    off: Array = np.abs(products - np.eye(3)).max(axis=(1, 2), initial=0.0)
    return off if may_mirror else np.where(np.linalg.det(matrices) < 0, np.inf, off)


def invert_rigid(src2dst: Array) -> Array:
    """Return ``dst2src`` of a rigid transform, exact up to rounding.

    Args:
        src2dst: Rotation and translation, shape (4, 4). It must have no scale
            or shear, which is not checked.

    Raises:
        ValueError: If the shape is wrong.
    """
    check_shape("src2dst", src2dst, (4, 4))
    rotation = src2dst[:3, :3]
    return make_rigid(rotation.T, -rotation.T @ src2dst[:3, 3])


def transform_points(points: ArrayOrTensor, src2dst: ArrayOrTensor) -> ArrayOrTensor:
    """Move points from the source to the destination coordinates.

    Args:
        points: Positions in source coordinates in m, array or tensor, shape (N, 3).
        src2dst: Transform of the same kind, shape (4, 4); tensors must share their
            dtype.

    Returns:
        Positions in destination coordinates in m, shape (N, 3). NumPy computes them in
        the wider of the two types.

    Raises:
        ValueError: If an argument has the wrong shape.
    """
    check_shape("points", points, ("N", 3))
    check_shape("src2dst", src2dst, (4, 4))
    return points @ src2dst[:3, :3].T + src2dst[:3, 3]
