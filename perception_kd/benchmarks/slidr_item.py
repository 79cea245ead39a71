"""A training sample as SLidR's published code makes it, written plainly.

The reference of the benchmark of loading [1]: the devkit's tables, six images and six
superpixel maps decoded whole, images as float64, a copy of the points for each camera,
which four steps move to it, and images and maps resized as tensors.

- [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
  https://arxiv.org/abs/2203.16258
"""

import copy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from pyquaternion import Quaternion
from torch import Tensor

SLIDR_CAMERAS = (
    "CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT",
)  # fmt: skip
SIZE = (224, 416)
_Floats = NDArray[np.float64]


class Item(NamedTuple):
    """One sample.

    Attributes:
        points: Shape (N, 4).
        imgs: Values of 0 to 1, shape (V, 3, H, W).
        superpixels: Shape (V, H, W).
        pairing_points: Row of a point, shape (P,).
        pairing_images: (view, row, column), shape (P, 3).
    """

    points: Tensor
    imgs: Tensor
    superpixels: Tensor
    pairing_points: NDArray[np.int64]
    pairing_images: NDArray[np.int64]


def load_item(
    nusc: Any, sample: dict[str, Any], superpixel_folder: Path, rng: np.random.Generator | None
) -> Item:
    """Load a keyframe with all cameras.

    Args:
        nusc: The devkit's ``NuScenes``.
        sample: Record of the keyframe.
        superpixel_folder: PNG files of the maps, by token of the image.
        rng: For the augmentations of training; None resizes whole images.

    Returns:
        The sample.
    """
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    stored = np.fromfile(Path(nusc.dataroot) / lidar["filename"], dtype=np.float32)
    points = stored.reshape(-1, 5)[:, :4]
    order = list(SLIDR_CAMERAS)
    if rng is not None:
        rng.shuffle(order)
    imgs, maps, rows, pixels = [], [], np.zeros(0, np.int64), np.zeros((0, 3), np.int64)
    for view, name in enumerate(order):
        camera = nusc.get("sample_data", sample["data"][name])
        img = np.array(Image.open(Path(nusc.dataroot) / camera["filename"]))
        maps.append(np.array(Image.open(superpixel_folder / f"{camera['token']}.png")))
        row, pixel = _pair(nusc, copy.deepcopy(points), lidar, camera, img.shape)
        imgs.append(img / 255)
        rows = np.concatenate((rows, row))
        pixels = np.concatenate((pixels, np.insert(pixel, 0, view, axis=1)))
    cloud = torch.tensor(points)
    img_tensor = torch.tensor(np.array(imgs, dtype=np.float32).transpose(0, 3, 1, 2))
    map_tensor = torch.tensor(np.array(maps))
    item = Item(cloud, img_tensor, map_tensor, rows, pixels)
    return _resize(item, None) if rng is None else _augment(item, rng)


def _pair(
    nusc: Any, points: Any, lidar: dict[str, Any], camera: dict[str, Any], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move points to the ego vehicle, the world, the ego vehicle and the camera."""
    xyz = points[:, :3].astype(np.float64)
    for record, key, is_inverse in (
        (lidar, "calibrated_sensor", False),
        (lidar, "ego_pose", False),
        (camera, "ego_pose", True),
        (camera, "calibrated_sensor", True),
    ):
        pose = nusc.get(key, record[f"{key}_token"])
        rotation = Quaternion(pose["rotation"]).rotation_matrix
        offset = np.array(pose["translation"])
        xyz = (xyz - offset) @ rotation if is_inverse else xyz @ rotation.T + offset
    sensor = nusc.get("calibrated_sensor", camera["calibrated_sensor_token"])
    depth = xyz[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixel = (xyz @ np.array(sensor["camera_intrinsic"]).T)[:, :2] / depth[:, None]
    height, width = shape[:2]
    visible = (depth > 1.0) & (pixel[:, 0] > 0) & (pixel[:, 0] < width - 1)
    visible &= (pixel[:, 1] > 0) & (pixel[:, 1] < height - 1)
    rounded = np.round(np.flip(pixel[visible], axis=1)).astype(np.int64)
    return np.flatnonzero(visible), rounded


def _augment(item: Item, rng: np.random.Generator) -> Item:
    angle = rng.uniform(0, 2 * np.pi)
    turn = torch.tensor(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]],
        dtype=torch.float32,
    )
    points = item.points.clone()
    points[:, :3] = points[:, :3] @ turn.T
    for axis in range(2):
        if rng.random() < 0.5:
            points[:, axis] *= -1
    item = _drop_cuboid(item._replace(points=points), rng)
    item = _resize(item, rng)
    for view in range(len(item.imgs)):
        if rng.random() < 0.5:
            item.imgs[view] = item.imgs[view].flip(-1)
            item.superpixels[view] = item.superpixels[view].flip(-1)
            of_view = item.pairing_images[:, 0] == view
            item.pairing_images[of_view, 2] = SIZE[1] - 1 - item.pairing_images[of_view, 2]
    return item


def _drop_cuboid(item: Item, rng: np.random.Generator) -> Item:
    xyz = item.points[:, :3].numpy()
    half = (xyz.max(0) - xyz.min(0)) * rng.uniform(0, 0.2) / 2
    center = xyz[rng.integers(len(xyz))]
    keep = ~(np.abs(xyz - center) < half).all(axis=1)
    kept = keep[item.pairing_points]
    views = item.pairing_images[kept, 0]
    if min(np.bincount(views, minlength=len(item.imgs))) < 1024:
        return item
    new_row = np.cumsum(keep) - 1
    return item._replace(
        points=item.points[torch.tensor(keep)],
        pairing_points=new_row[item.pairing_points[kept]],
        pairing_images=item.pairing_images[kept],
    )


def _resize(item: Item, rng: np.random.Generator | None) -> Item:
    """Resize the whole images, or a crop of each that keeps enough pairs."""
    imgs, maps, rows, pixels = [], [], [], []
    for view, (img, superpixels) in enumerate(zip(item.imgs, item.superpixels, strict=True)):
        of_view = item.pairing_images[:, 0] == view
        own = item.pairing_images[of_view]
        for _ in range(1000):
            top, left, height, width = _draw_crop(img.shape[1], img.shape[2], rng)
            scale = np.array(SIZE) / (height, width)
            moved = own.copy()
            moved[:, 1:] = np.round((own[:, 1:] - (top, left)) * scale).astype(np.int64)
            inside = ((moved[:, 1:] >= 0) & (moved[:, 1:] < SIZE)).all(axis=1)
            if rng is None or inside.sum() > min(1024, 0.75 * len(own)) or not len(own):
                break
        window = (..., slice(top, top + height), slice(left, left + width))
        imgs.append(F.interpolate(img[window][None], SIZE, mode="bilinear", align_corners=False)[0])
        cut = superpixels[window][None, None].float()
        maps.append(F.interpolate(cut, SIZE, mode="nearest")[0, 0].long())
        rows.append(item.pairing_points[of_view][inside])
        pixels.append(moved[inside])
    return Item(
        item.points,
        torch.stack(imgs),
        torch.stack(maps),
        np.concatenate(rows),
        np.concatenate(pixels),
    )


def _draw_crop(
    height: int, width: int, rng: np.random.Generator | None
) -> tuple[int, int, int, int]:
    """Draw a crop as torchvision does: top, left, height and width in px."""
    if rng is None:
        return 0, 0, height, width
    for _ in range(10):
        area = height * width * rng.uniform(0.3, 1.0)
        ratio = np.exp(rng.uniform(*np.log((14 / 9, 17 / 9))))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
    return 0, 0, height, width
