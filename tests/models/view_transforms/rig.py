"""A rig of cameras on an odd calibration, and both augmentations."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from perception_kd.models.view_transforms import Cameras

IMG_SHAPE, FEAT_SHAPE = (64, 96), (8, 12)


def rotation(axis: int, angle: float) -> Any:
    """Return the rotation about an axis by an angle in rad, shape (3, 3)."""
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[[i, j], [i, j]] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def make_cameras(num_samples: int = 2, seed: int | None = None) -> Cameras:
    """Return two cameras per sample, ahead and to the right; augmented with a seed."""
    ahead = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    lidar2cam = np.tile(np.eye(4), (2 * num_samples, 1, 1))
    for view in range(2 * num_samples):
        lidar2cam[view, :3, :3] = (
            rotation(0, 0.03 * view) @ ahead @ rotation(2, (view % 2) * np.pi / 2 + 0.01 * view)
        )
        lidar2cam[view, :3, 3] = [0.1 * view, 0.3, -0.237]
    cam2img = np.tile([[40.0, 0, 47.5], [0, 42, 31.5], [0, 0, 1]], (2 * num_samples, 1, 1))
    img_aug = np.tile(np.eye(3), (2 * num_samples, 1, 1))
    lidar_aug = np.tile(np.eye(4), (num_samples, 1, 1))
    if seed is not None:
        rng = np.random.default_rng(seed)
        for matrix in img_aug:
            scale = rng.uniform(0.5, 1.5)
            matrix[:2, :2] = scale * rotation(2, rng.uniform(-0.1, 0.1))[:2, :2]
            matrix[:2, :2] *= [[rng.choice([-1, 1])], [1]]
            matrix[:2, 2] = rng.uniform(-20, 20, 2)
        for matrix in lidar_aug:
            matrix[:3, :3] = rotation(2, rng.uniform(-3, 3)) * rng.uniform(0.9, 1.1)
            matrix[:3, :3] *= [[rng.choice([-1, 1])], [1], [1]]
            matrix[:3, 3] = rng.uniform(-1, 1, 3)
    return Cameras(
        lidar2cam=torch.from_numpy(lidar2cam).float(),
        cam2img=torch.from_numpy(cam2img).float(),
        img_aug_matrix=torch.from_numpy(img_aug).float(),
        lidar_aug_matrix=torch.from_numpy(lidar_aug).float(),
        view_sample=torch.arange(num_samples).repeat_interleave(2),
        img_shape=IMG_SHAPE,
    )


def one_hot(shape: tuple[int, ...], *index: int) -> Tensor:
    """Return zeros with a single one."""
    array = torch.zeros(shape)
    array[index] = 1.0
    return array
