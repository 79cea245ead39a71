"""Poses between two known ones."""

from scipy.spatial.transform import Rotation

from perception_kd.geometry.rigid import make_rigid
from perception_kd.structures import Array
from perception_kd.utils.checks import check_shape


def interpolate_rigid(before: Array, after: Array, share: float) -> Array:
    """Return the rigid transform between two, as of a body that moves steadily.

    The translation moves along a straight line, the rotation turns about a fixed axis
    at a constant rate (slerp [1]); of both ways around, the shorter one is taken.

    - [1] Animating Rotation with Quaternion Curves, 1985,
      https://doi.org/10.1145/325165.325242

    Args:
        before: The transform at share 0, shape (4, 4).
        after: The transform at share 1, shape (4, 4).
        share: Share of the way from ``before`` to ``after``.

    Raises:
        ValueError: If a transform has the wrong shape.
    """
    check_shape("before", before, (4, 4))
    check_shape("after", after, (4, 4))
    start = Rotation.from_matrix(before[:3, :3])
    turn = (start.inv() * Rotation.from_matrix(after[:3, :3])).as_rotvec()
    rotation = start * Rotation.from_rotvec(share * turn)
    translation = (1 - share) * before[:3, 3] + share * after[:3, 3]
    return make_rigid(rotation.as_matrix(), translation)
