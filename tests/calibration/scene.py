"""Boxes on a street before a camera and a LiDAR, as images and points."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_kd.calibration.agreement import CameraFrame
from perception_kd.geometry.rigid import invert_rigid, make_rigid, transform_points

SIZE = 120, 320  # px
CAM2IMG = np.array([[260.0, 0, 159.5], [0, 260, 53], [0, 0, 1]])
LIDAR2CAM = np.array([[0.0, -1, 0, 0.1], [0, 0, -1, -0.3], [1, 0, 0, -0.2], [0, 0, 0, 1]])
HEIGHT = 1.6  # m, of the camera above the street
NUM_BOXES = 14
TURNED = make_rigid(Rotation.from_euler("z", 90, degrees=True).as_matrix(), np.zeros(3))


def make_frame(seed: int, motion: NDArray[np.float64] | None = None) -> CameraFrame:
    """Return a frame of a random street.

    Args:
        seed: Seed of the street.
        motion: Error of the calibration, a motion of points in camera coordinates,
            shape (4, 4); None means none.
    """
    points, image = _make_street(seed, tuple(LIDAR2CAM[:3, 3]))
    wrong = LIDAR2CAM if motion is None else motion @ LIDAR2CAM
    return CameraFrame("left", points, image, CAM2IMG, wrong)


def make_inverted_frame(seed: int, *, is_inverted: bool = True) -> CameraFrame:
    """Return a frame whose extrinsics have a rotation that is its own inverse.

    Args:
        seed: Seed of the street.
        is_inverted: Whether the extrinsics are given in the wrong direction.
    """
    mount = LIDAR2CAM.copy()
    mount[:3, 3] = 0.3, -0.5, 0.4
    points, image = _make_street(seed, tuple(mount[:3, 3]))
    lidar2cam = mount @ TURNED  # axes left, backward, up
    points = points.copy()
    points[:, :3] = transform_points(points[:, :3].astype(float), invert_rigid(TURNED))
    pair = lidar2cam, invert_rigid(lidar2cam)
    given, inverse = pair[::-1] if is_inverted else pair
    return CameraFrame("front", points, image, CAM2IMG, given, inverse)


def make_opposite_frames(seed: int, *, is_swapped: bool) -> list[CameraFrame]:
    """Return the frames of two cameras that look ahead and back.

    Args:
        seed: Seed of the street.
        is_swapped: Whether each camera has the calibration of the other one.
    """
    ahead, back = make_frame(2 * seed), make_frame(2 * seed + 1)
    half = TURNED @ TURNED
    behind = back.points.copy()
    behind[:, :3] = transform_points(behind[:, :3].astype(float), half)
    points = np.concatenate([ahead.points, behind])
    mounts = [LIDAR2CAM, LIDAR2CAM @ half]
    if is_swapped:
        mounts.reverse()
    images = (("ahead", ahead.image), ("back", back.image))
    return [
        CameraFrame(name, points, image, CAM2IMG, mount, invert_rigid(mount), f"sample-{seed}")
        for (name, image), mount in zip(images, mounts, strict=True)
    ]


@cache
def _make_street(
    seed: int, lidar: tuple[float, ...]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return points and image, with the LiDAR at a place in camera coordinates."""
    rng = np.random.default_rng(seed)
    lower, upper, colors = _make_boxes(rng)
    image = _render(lower, upper, colors, rng)
    return _scan(lower, upper, colors, np.array(lidar)), image


def _make_boxes(rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Return corners in camera coordinates, and colors of boxes, wall and street."""
    depth = rng.uniform(6, 35, NUM_BOXES)
    center = depth * rng.uniform(-0.6, 0.6, NUM_BOXES)
    width, height = rng.uniform(0.3, 3, NUM_BOXES), rng.uniform(0.8, 4, NUM_BOXES)
    lower = np.stack([center - width / 2, HEIGHT - height, depth], axis=1)
    upper = np.stack([center + width / 2, np.full(NUM_BOXES, HEIGHT), depth + 2], axis=1)
    wall = [-100.0, HEIGHT - 5, 45], [100.0, HEIGHT, 46]
    colors = rng.uniform(40, 220, (NUM_BOXES + 2, 3))
    return np.vstack([lower, wall[0]]), np.vstack([upper, wall[1]]), colors


def _cast(
    origin: NDArray[np.float64],
    rays: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return distances in lengths of the rays, and the hit thing: G is the street."""
    with np.errstate(divide="ignore", invalid="ignore"):
        street = (HEIGHT - origin[1]) / rays[:, 1]
        enters = (lower - origin) / rays[:, None]
        leaves = (upper - origin) / rays[:, None]
    first = np.minimum(enters, leaves).max(axis=2)
    last = np.maximum(enters, leaves).min(axis=2)
    boxes = np.where((first < last) & (first > 0), first, np.inf)
    distances = np.column_stack([boxes, np.where(street > 0, street, np.inf)])
    return distances.min(axis=1), distances.argmin(axis=1)


def _render(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    colors: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]].reshape(2, -1)
    rays = np.stack([cols, rows, np.ones_like(rows)], axis=1) @ np.linalg.inv(CAM2IMG).T
    distances, things = _cast(np.zeros(3), rays, lower, upper)
    pixels = np.where(np.isfinite(distances)[:, None], colors[things], 235)
    noise = rng.normal(0, 4, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8).reshape(*SIZE, 3)


def _scan(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    colors: NDArray[np.float64],
    origin: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return returns of a LiDAR with 28 lines in LiDAR coordinates, shape (N, 4)."""
    up, left = np.meshgrid(np.radians(np.linspace(-14, 8, 28)), np.radians(np.arange(-36, 36, 0.4)))
    up, left = up.ravel(), left.ravel()
    rays = np.stack([np.cos(up) * np.cos(left), np.cos(up) * np.sin(left), np.sin(up)], axis=1)
    distances, things = _cast(origin, rays @ LIDAR2CAM[:3, :3].T, lower, upper)
    hit = np.isfinite(distances)
    intensity = colors[things].mean(axis=1)
    return np.column_stack([rays * distances[:, None], intensity])[hit].astype(np.float32)
