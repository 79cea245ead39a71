"""Where the sensors sit on the vehicle, and when they fire."""

from dataclasses import dataclass

import numpy as np

from perception_kd.geometry.rigid import Array
from perception_kd.synthetic.world.poses import pose_matrix

LIDAR = "LIDAR_TOP"
SWEEP_DURATION_S = 0.05
# Heading at which a turn of the LiDAR ends; it turns clockwise.
SWEEP_END_DEG = 108.0
LOWEST_DEG, HIGHEST_DEG = -30.67, 10.67
_FULL_WIDTH, _FULL_HEIGHT = 1600, 900


def sweep_delay(heading_deg: float) -> float:
    """Return when a turn of the LiDAR looks somewhere, in s after the turn's end.

    Args:
        heading_deg: Counter-clockwise from the vehicle's x.

    Returns:
        Time, in -0.05..0.
    """
    return -SWEEP_DURATION_S * ((heading_deg - SWEEP_END_DEG) % 360) / 360


@dataclass(frozen=True)
class CameraSpec:
    """A camera of nuScenes' vehicles, at 1600 x 900 px.

    Attributes:
        position: In the ego frame in m.
        heading_deg: Of the optical axis, counter-clockwise from the vehicle's x.
        focal_px: Focal length.
        center_px: Principal point.
    """

    position: tuple[float, float, float]
    heading_deg: float
    focal_px: float
    center_px: tuple[float, float]

    @property
    def delay(self) -> float:
        """Time after the end of the LiDAR's turn at which the camera fires, in s.

        That is when the LiDAR looks the same way, so it is not positive.
        """
        return sweep_delay(self.heading_deg)


CAMERAS = {
    "CAM_FRONT": CameraSpec((1.70, 0.0, 1.51), 0.0, 1266.4, (816.3, 491.5)),
    "CAM_FRONT_RIGHT": CameraSpec((1.55, -0.49, 1.50), -56.0, 1260.8, (808.0, 495.3)),
    "CAM_FRONT_LEFT": CameraSpec((1.52, 0.49, 1.51), 55.0, 1272.6, (826.6, 479.8)),
    "CAM_BACK": CameraSpec((0.03, 0.0, 1.58), 180.0, 809.2, (829.2, 481.8)),
    "CAM_BACK_LEFT": CameraSpec((1.04, 0.48, 1.59), 108.0, 1256.7, (792.1, 492.8)),
    "CAM_BACK_RIGHT": CameraSpec((1.01, -0.48, 1.56), -110.0, 1259.5, (807.3, 501.2)),
}
CHANNELS = (LIDAR, *CAMERAS)


@dataclass(frozen=True)
class Rig:
    """The sensors of one vehicle.

    Attributes:
        sensor2ego: By channel, shape (4, 4).
        cam2img: By camera, in px of the rendered size, shape (3, 3).
    """

    sensor2ego: dict[str, Array]
    cam2img: dict[str, Array]


def make_rig(width: int, height: int, rng: np.random.Generator) -> Rig:
    """Mount sensors as nuScenes does, each vehicle a bit differently.

    Args:
        width: Of the images in px.
        height: Of the images in px.
        rng: Small tilts are drawn from it.
    """
    tilt = rng.normal(0, 0.012, 3)
    sensor2ego = {LIDAR: pose_matrix(-np.pi / 2, (0.94, 0.0, 1.84), tilt)}
    cam2img = {}
    # The camera's axes (right, down, ahead) in those of a body that looks along x.
    axes = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    scale_u, scale_v = width / _FULL_WIDTH, height / _FULL_HEIGHT
    for name, spec in CAMERAS.items():
        tilt = rng.normal(0, 0.006, 3)
        sensor2ego[name] = pose_matrix(np.deg2rad(spec.heading_deg), spec.position, tilt) @ axes
        focal = spec.focal_px * rng.uniform(0.99, 1.01)
        # Pixel centers are at whole numbers, so the corner scales from -0.5.
        u, v = ((np.array(spec.center_px) + 0.5) * (scale_u, scale_v)) - 0.5
        cam2img[name] = np.array([[focal * scale_u, 0, u], [0, focal * scale_v, v], [0, 0, 1.0]])
    return Rig(sensor2ego, cam2img)
