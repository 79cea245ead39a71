"""Interpolation of rigid transforms against scipy's slerp and by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from perception_kd.geometry.interpolation import interpolate_rigid
from perception_kd.geometry.rigid import make_rigid
from perception_kd.structures import Array


def make_pose(seed: int) -> Array:
    rng = np.random.default_rng(seed)
    return make_rigid(Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 50, 3))


def test_a_quarter_of_a_right_angle_is_a_quarter_of_the_way() -> None:
    after = make_rigid(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.array([4, 0, 0]))
    found = interpolate_rigid(np.eye(4), after, 0.25)
    # 22.5 degrees about z: cos = 0.9239, sin = 0.3827; 1 m of 4 m along x.
    assert found[:2].round(4).tolist() == [[0.9239, -0.3827, 0, 1], [0.3827, 0.9239, 0, 0]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_rotations_are_those_of_slerp(seed: int, share: float) -> None:
    before, after = make_pose(2 * seed), make_pose(2 * seed + 1)
    turns = Rotation.from_matrix(np.stack([before, after])[:, :3, :3])
    expected = make_rigid(
        Slerp([0.0, 1.0], turns)(share).as_matrix(),
        before[:3, 3] + share * (after[:3, 3] - before[:3, 3]),
    )
    np.testing.assert_allclose(interpolate_rigid(before, after, share), expected, atol=1e-12)


def test_half_way_back_is_half_way_there() -> None:
    before, after = make_pose(0), make_pose(1)
    there, back = interpolate_rigid(before, after, 0.3), interpolate_rigid(after, before, 0.7)
    np.testing.assert_allclose(there, back, atol=1e-12)


def test_poses_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"after must have shape \(4, 4\)"):
        interpolate_rigid(np.eye(4), np.eye(3), 0.5)
