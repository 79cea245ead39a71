"""A sample whose points and pixels identify themselves."""

from typing import Any, cast

import numpy as np

from perception_kd.geometry.rigid import make_rigid
from perception_kd.structures import Sample

HEIGHT, WIDTH = 90, 160


def make_sample(
    seed: int = 0,
    num_points: int = 400,
    num_views: int = 3,
    img_shape: tuple[int, int] = (HEIGHT, WIDTH),
    pairs_per_view: int = 150,
) -> Sample:
    """Return a paired sample that can be followed through any chain of transforms.

    The intensity of a point is its row; its class is its row modulo 7, its region one
    less than its row modulo 5. The red and green of a pixel are its row and column, the
    blue its view; so linear interpolation keeps red and green true. The superpixel of a
    pixel is ``row * W + col``.
    """
    rng = np.random.default_rng(seed)
    height, width = img_shape
    points = rng.uniform(-20, 20, (num_points, 5)).astype(np.float32)
    points[:, 3] = np.arange(num_points)
    points[:, 4] = 0
    rows, cols = np.mgrid[:height, :width]
    pairing_points = [rng.permutation(num_points)[:pairs_per_view] for _ in range(num_views)]
    pairing_images = [
        np.stack(
            [
                np.full(pairs_per_view, view),
                rng.integers(1, height - 1, pairs_per_view),
                rng.integers(1, width - 1, pairs_per_view),
            ],
            axis=1,
        )
        for view in range(num_views)
    ]
    return {
        "sample_token": "marked",
        "rng": rng,
        "points": points,
        "original_points": np.arange(num_points),
        "pts_semantic_mask": np.arange(num_points) % 7,
        "region_ids": (np.arange(num_points) % 5 - 1).astype(np.int32),
        "cam_names": [f"CAM_{view}" for view in range(num_views)],
        "imgs": [
            np.stack([rows, cols, np.full_like(rows, view)], axis=2).astype(np.uint8)
            for view in range(num_views)
        ],
        "superpixels": [(rows * width + cols).astype(np.int32) for _ in range(num_views)],
        "pairing_points": np.concatenate(pairing_points).astype(np.int64),
        "pairing_images": np.concatenate(pairing_images).astype(np.int64),
    }


def make_camera_sample(seed: int) -> Sample:
    """Return a marked sample with three calibrated cameras around the LiDAR."""
    sample = make_sample(seed)
    lidar2cam = []
    for view in range(3):
        cos, sin = np.cos(2 * view), np.sin(2 * view)
        rotation = np.array([[sin, -cos, 0], [0, 0, -1], [cos, sin, 0]])
        lidar2cam.append(make_rigid(rotation, np.array([0.1, 0.2 * view, -0.3])))
    sample["lidar2cam"] = np.stack(lidar2cam)
    sample["cam2img"] = np.tile(np.array([[80.0, 0, 79], [0, 80, 44], [0, 0, 1]]), (3, 1, 1))
    return sample


def freeze(sample: Sample) -> Sample:
    """Make every array of a sample read-only, so that an edit in place raises."""
    for value in sample.values():
        for array in value if isinstance(value, list) else [value]:
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
    return sample


def source_pixels(sample: Sample) -> dict[tuple[int, int], tuple[int, int]]:
    """Return (row, col) of each (original point, blue of its view)."""
    found = {}
    for row, (view, r, c) in zip(sample["pairing_points"], sample["pairing_images"], strict=True):
        blue = int(sample["imgs"][view][0, 0, 2])
        found[int(sample["points"][row, 3]), blue] = (int(r), int(c))
    return found


def sample_at(*positions: tuple[float, float, float], **more: Any) -> Sample:
    """Return a frozen sample of points at positions, with more keys."""
    points = np.zeros((len(positions), 5), dtype=np.float32)
    points[:, :3] = positions
    sample: Sample = {
        "points": points,
        "original_points": np.arange(len(points)),
        "rng": np.random.default_rng(0),
    }
    return freeze(cast(Sample, {**sample, **more}))
