"""Mounting positions of the sensors on the vehicle, and their timing."""

from dataclasses import dataclass

import numpy as np

from perception_kd.structures import Array
from perception_kd.synthetic.world.poses import pose_matrix

LIDAR = "LIDAR_TOP"
SWEEP_DURATION_S = 0.05
# Heading at which a sweep of the LiDAR ends; the LiDAR rotates clockwise.
SWEEP_END_DEG = 108.0
LOWEST_DEG, HIGHEST_DEG = -30.67, 10.67
_FULL_WIDTH, _FULL_HEIGHT = 1600, 900


def sweep_delay(heading_deg: float) -> float:
    """Return the time at which a sweep of the LiDAR passes a heading.

    Args:
        heading_deg: Heading in degrees, counter-clockwise from x of ego coordinates.

    Returns:
        Time in s relative to the end of the sweep, -0.05..0.
    """
    return -SWEEP_DURATION_S * ((heading_deg - SWEEP_END_DEG) % 360) / 360


@dataclass(frozen=True)
class CameraSpec:
    """A camera of the nuScenes vehicles, at 1600 x 900 px.

    Attributes:
        position: x, y, z in ego coordinates in m.
        heading_deg: Heading of the optical axis, counter-clockwise from x.
        focal_px: Focal length in px.
        center_px: Principal point (u, v) in px.
    """

    position: tuple[float, float, float]
    heading_deg: float
    focal_px: float
    center_px: tuple[float, float]

    @property
    def delay(self) -> float:
        """Trigger time of the camera in s relative to the end of the LiDAR sweep.

        The camera fires when the LiDAR passes its heading, so the delay is <= 0.
        """
        return sweep_delay(self.heading_deg)


CAMERAS = {
    "CAM_FRONT": CameraSpec(
        position=(1.70, 0.0, 1.51),
        heading_deg=0.0,
        focal_px=1266.4,
        center_px=(816.3, 491.5),
    ),
    "CAM_FRONT_RIGHT": CameraSpec(
        position=(1.55, -0.49, 1.50),
        heading_deg=-56.0,
        focal_px=1260.8,
        center_px=(808.0, 495.3),
    ),
    "CAM_FRONT_LEFT": CameraSpec(
        position=(1.52, 0.49, 1.51),
        heading_deg=55.0,
        focal_px=1272.6,
        center_px=(826.6, 479.8),
    ),
    "CAM_BACK": CameraSpec(
        position=(0.03, 0.0, 1.58),
        heading_deg=180.0,
        focal_px=809.2,
        center_px=(829.2, 481.8),
    ),
    "CAM_BACK_LEFT": CameraSpec(
        position=(1.04, 0.48, 1.59),
        heading_deg=108.0,
        focal_px=1256.7,
        center_px=(792.1, 492.8),
    ),
    "CAM_BACK_RIGHT": CameraSpec(
        position=(1.01, -0.48, 1.56),
        heading_deg=-110.0,
        focal_px=1259.5,
        center_px=(807.3, 501.2),
    ),
}
SENSORS = (LIDAR, *CAMERAS)


@dataclass(frozen=True)
class VehicleCalibration:
    """Calibration of the sensors of one vehicle.

    Attributes:
        sensor2ego: Pose of each sensor by channel, shape (4, 4).
        cam2img: Intrinsics by camera, in px of the rendered size, shape (3, 3).
    """

    sensor2ego: dict[str, Array]
    cam2img: dict[str, Array]


def mount_sensors(width: int, height: int, rng: np.random.Generator) -> VehicleCalibration:
    """Mount the sensors as on the nuScenes vehicles, with small random tilts.

    Args:
        width: Width of the images in px.
        height: Height of the images in px.
        rng: Source of the tilts and of the variation of the focal lengths.
    """
    tilt = rng.normal(0, 0.012, 3)
    sensor2ego = {LIDAR: pose_matrix(-np.pi / 2, (0.94, 0.0, 1.84), tilt)}
    cam2img = {}
    # Axes of the camera (right, down, ahead) in those of a body that looks along x.
    axes = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    scale_u, scale_v = width / _FULL_WIDTH, height / _FULL_HEIGHT
    for name, spec in CAMERAS.items():
        tilt = rng.normal(0, 0.006, 3)
        sensor2ego[name] = pose_matrix(np.deg2rad(spec.heading_deg), spec.position, tilt) @ axes
        focal = spec.focal_px * rng.uniform(0.99, 1.01)
        # Pixel centers are at integers: the image corner (-0.5, -0.5) stays in place.
        u, v = ((np.array(spec.center_px) + 0.5) * (scale_u, scale_v)) - 0.5
        cam2img[name] = np.array([[focal * scale_u, 0, u], [0, focal * scale_v, v], [0, 0, 1.0]])
    return VehicleCalibration(sensor2ego, cam2img)
