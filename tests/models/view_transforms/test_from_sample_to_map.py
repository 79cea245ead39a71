"""A mark painted where the devkit sees a point is lifted to that point's cell."""

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from nuscenes.nuscenes import NuScenes
from torch import Tensor

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.transforms import (
    LoadImages,
    LoadPoints,
    PackInputs,
    RandomFlipAxis,
    RandomFlipImages,
    RandomRotateImages,
    RandomRotateZ,
    RandomScale,
    RandomScaleAndCropImages,
    ScaleAndCropImages,
    Transform,
)
from perception_kd.models.data_preprocessor import CameraLidarDataPreprocessor
from perception_kd.models.view_transforms import Cameras, LSSViewTransform
from perception_kd.models.view_transforms.depth_lift_splat import depth_images
from perception_kd.structures import PipelineStep
from tests.fake_data.nuscenes import CAMERAS, make_nuscenes

HEIGHT, WIDTH = 180, 320
CELL, EDGE = 0.1, 25.6  # m, of the map's cells and of half the map
TEST: list[Transform] = [ScaleAndCropImages((80, 160), scale=0.5)]
TRAINING: list[Transform] = [
    RandomScaleAndCropImages((80, 160), scale=(0.4, 0.6)),
    RandomFlipImages(),
    RandomRotateImages((-10, 10)),
    RandomRotateZ((-180, 180)),
    RandomFlipAxis(),
    RandomScale((0.9, 1.1)),
]


class Marked(NamedTuple):
    """A data set with one point and one painted mark per camera.

    Attributes:
        root: Folder of the data set with its info files.
        depths: Distance of the point along the optical axis in m, by camera token.
    """

    root: Path
    depths: dict[str, float]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """Mark a point per camera in its stored image, at the pixel given by the devkit."""
    root = tmp_path_factory.mktemp("marked") / "nuscenes"
    size = (HEIGHT, WIDTH)
    make_nuscenes(root, 1, 2, sweeps=0, img_size=size, num_azimuths=8, lidarseg=False)
    devkit = NuScenes("v1.0-mini", str(root), verbose=False)
    rng = np.random.default_rng(0)
    depths = {}
    for sample in devkit.sample:
        tokens = [sample["data"][camera] for camera in CAMERAS]
        lidar_token = sample["data"]["LIDAR_TOP"]
        found = [find_point(devkit, lidar_token, token, rng) for token in tokens]
        for token, (_, pixel, depth) in zip(tokens, found, strict=True):
            paint_mark(Path(devkit.get_sample_data_path(token)), pixel)
            depths[token] = depth
        points = np.stack([point for point, _, _ in found])
        points.tofile(devkit.get_sample_data_path(lidar_token))
    convert_nuscenes(root, "v1.0-mini", workers=0, progress=False)
    return Marked(root, depths)


def find_point(
    devkit: NuScenes, lidar_token: str, camera_token: str, rng: np.random.Generator
) -> tuple[Any, Any, float]:
    """Return a point that an image shows in its lower middle, its pixel and depth."""
    path = devkit.get_sample_data_path(lidar_token)
    for _ in range(1000):
        azimuth, distance = rng.uniform(-np.pi, np.pi), rng.uniform(7, 14)
        x, y, z = distance * np.cos(azimuth), distance * np.sin(azimuth), rng.uniform(-1.5, 0)
        point = np.array([x, y, z, 0, 0], np.float32)
        point.tofile(path)
        pixels, depths, _ = devkit.explorer.map_pointcloud_to_image(lidar_token, camera_token)
        if pixels.shape[1] and is_lower_middle(pixels[:2, 0]):
            return point, pixels[:2, 0], float(depths[0])
    raise AssertionError("No point in the lower middle of the image.")


def is_lower_middle(pixel: Any) -> bool:
    """Return whether a pixel (u, v) is in the part that most crops keep."""
    return 0.35 < pixel[0] / WIDTH < 0.65 and 0.55 < pixel[1] / HEIGHT < 0.75


def paint_mark(path: Path, pixel: Any) -> None:
    """Replace an image by a soft white spot at a pixel (u, v) on black."""
    row, col = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(col - pixel[0], row - pixel[1])
    img = 255 * np.exp(-((distance / 3) ** 2))
    cv2.imwrite(str(path), img.round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 100])


def load_batch(root: Path, chain: list[Transform], seed: int) -> dict[str, Any]:
    """Return both samples as a model receives them."""
    pipeline: list[PipelineStep] = [LoadPoints(), LoadImages(), *chain, PackInputs()]
    dataset = CameraLidarDataset(
        "nuscenes_infos_train.pkl", str(root), pipeline=pipeline, seed=seed
    )
    preprocessor = CameraLidarDataPreprocessor(mean=(0, 0, 0), std=(255, 255, 255))
    return preprocessor(pseudo_collate([dataset[index] for index in range(len(dataset))]))


def depths_of(batch: dict[str, Any], marked: Marked) -> list[float]:
    """Return the depth of the point of each view in the batch."""
    devkit = NuScenes("v1.0-mini", str(marked.root), verbose=False)
    return [
        marked.depths[devkit.get("sample", sample.sample_token)["data"][camera]]
        for sample in batch["data_samples"]
        for camera in sample.cam_names
    ]


def center_of_mass(values: Tensor) -> Tensor:
    """Return the mean (column, row) of a map, weighted by its values."""
    row, column = torch.meshgrid(*(torch.arange(edge) for edge in values.shape), indexing="ij")
    return torch.stack([(axis * values).sum() / values.sum() for axis in (column, row)])


def lift(marks: Tensor, view: int, depth: float, cameras: Cameras) -> Tensor:
    """Return the position (x, y) in m of the mark of one view at a given depth."""
    transform = LSSViewTransform(
        in_channels=1,
        out_channels=1,
        point_cloud_range=(-EDGE, -EDGE, -10, EDGE, EDGE, 10),
        cell_size=CELL,
        depth_range=(depth, depth + 0.5, 1.0),  # one depth
        downsample=1,
    )
    feats = torch.zeros_like(marks)
    feats[view] = marks[view]
    bev = transform.splat(torch.ones_like(marks), feats, cameras)
    return (center_of_mass(bev[cameras.view_sample[view], 0]) + 0.5) * CELL - EDGE


@pytest.mark.parametrize(("chain", "seed"), [(TEST, 0), *((TRAINING, seed) for seed in range(3))])
def test_a_painted_point_is_lifted_to_its_cell(
    marked: Marked, chain: list[Transform], seed: int
) -> None:
    batch = load_batch(marked.root, chain, seed)
    inputs = batch["inputs"]
    cameras = Cameras.from_inputs(inputs)
    marks = (inputs["imgs"][:, :1] - 0.1).clamp(min=0)  # without the noise of JPEG
    depth_maps = depth_images(inputs["points"], cameras)[:, 0]
    for view, depth in enumerate(depths_of(batch, marked)):
        sample, row = divmod(view, len(CAMERAS))
        lifted = lift(marks, view, depth, cameras)
        torch.testing.assert_close(lifted, inputs["points"][sample][row, :2], atol=CELL, rtol=0)

        col, row = center_of_mass(marks[view, 0]).round().int().tolist()
        around = depth_maps[view, row - 1 : row + 2, col - 1 : col + 2]
        assert around.max().item() == pytest.approx(depth, abs=0.01)
