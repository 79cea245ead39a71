"""Rigid transforms by hand and against numpy's inverse."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perception_kd.geometry.rigid import (
    invert_rigid,
    make_rigid,
    rotation_errors,
    transform_points,
)

QUARTER_TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x to y


def test_convention_matrices_act_on_column_vectors() -> None:
    src2dst = make_rigid(QUARTER_TURN, np.array([10.0, 20, 30]))
    moved = transform_points(np.array([[1.0, 0, 0], [0, 2, 0]]), src2dst)
    assert moved.tolist() == [[10, 21, 30], [8, 20, 30]]


def test_inverse_matches_numpy() -> None:
    src2dst = make_rigid(QUARTER_TURN, np.array([1.5, -2, 0.25]))
    np.testing.assert_allclose(invert_rigid(src2dst), np.linalg.inv(src2dst), atol=1e-15)
    np.testing.assert_allclose(invert_rigid(src2dst) @ src2dst, np.eye(4), atol=1e-15)


def test_errors_of_rotations_are_those_of_their_rows() -> None:
    turned = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    scaled, mirrored = np.diag([1.0, 1.0, 1.1]), turned[[1, 0, 2]]
    matrices = np.stack([turned, scaled, mirrored])
    np.testing.assert_allclose(rotation_errors(matrices), [0, 0.21, np.inf], atol=1e-12)
    np.testing.assert_allclose(rotation_errors(matrices, may_mirror=True), [0, 0.21, 0], atol=1e-12)


def test_single_precision_points_are_moved_in_double() -> None:
    points: NDArray[Any] = np.zeros((2, 3), np.float32)
    assert transform_points(points, np.eye(4)).dtype == np.float64


def test_rejects_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=r"rotation must have shape \(3, 3\)"):
        make_rigid(np.eye(4), np.zeros(3))
    with pytest.raises(ValueError, match=r"translation must have shape \(3,\)"):
        make_rigid(np.eye(3), np.zeros(4))
    with pytest.raises(ValueError, match=r"src2dst must have shape \(4, 4\)"):
        invert_rigid(np.eye(3))
    with pytest.raises(ValueError, match=r"points must have shape \(N, 3\)"):
        transform_points(np.zeros(3), np.eye(4))
