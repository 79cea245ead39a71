"""Poses of the fake ego vehicle."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.synthetic.world.poses import pose_matrix

Array = NDArray[np.float64]


def ego2street(time: float) -> Array:
    """Return the pose at a time in s: 5 m/s, left curve, some pitch, shape (4, 4)."""
    tilt = np.array([0.0, 0.01 * np.sin(3 * time), 0.0])
    return pose_matrix(0.2 * time, (5.0 * time, -0.5 + 0.5 * time**2, 0.0), tilt)
