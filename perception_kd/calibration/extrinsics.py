"""Source of the extrinsics of a camera."""

from dataclasses import dataclass, field

import numpy as np

from perception_kd.structures import Array


@dataclass(frozen=True)
class Extrinsics:
    """Source of the extrinsics of a camera.

    Attributes:
        where: File and field, such as "rig.yaml: cameras.front.lidar2cam".
        question: What it may be instead, such as "is this cam2lidar?".
        remedy: What to do then, such as "rename it to cam2lidar".
        axes_change: If the extrinsics were inverted as they were given, ``lidar2cam``
            would be ``axes_change @ invert(lidar2cam) @ axes_change``; the identity
            unless their axes are others than those of info files, shape (4, 4).
    """

    where: str
    question: str = "is this cam2lidar?"
    remedy: str = "store its inverse"
    axes_change: Array = field(default_factory=lambda: np.eye(4))
