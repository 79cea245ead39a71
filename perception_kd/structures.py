"""Types of what flows through the project: samples, batches, and shared aliases.

``docs/sample.md`` describes each key: shape, dtype, frame, unit and writer. The types
here let mypy find a misspelled key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    # Only for type checkers: importing this module must stay cheap.
    from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
    from torch import Tensor

ConfigDict: TypeAlias = dict[str, Any]  # settings of a part, as a config file has them
InfoEntry: TypeAlias = dict[str, Any]  # one sample as an info file stores it

Array: TypeAlias = NDArray[np.float64]  # coordinates and matrices
Points: TypeAlias = NDArray[np.float32]  # (N, F): x, y, z m, then further features
Indices: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Image: TypeAlias = NDArray[np.uint8]  # (H, W, 3), RGB
Color: TypeAlias = tuple[int, int, int]  # RGB in 0..255


class Sweep(TypedDict):
    """An earlier LiDAR sweep of a sample.

    Attributes:
        lidar_path: Absolute path of its file.
        sweep2lidar: Transform from the sweep's to the sample's LiDAR frame, with the
            ego motion, shape (4, 4).
        timestamp: Time of the sweep in s.
    """

    lidar_path: str
    sweep2lidar: Array
    timestamp: float


class InfoBoxes(TypedDict):
    """The annotated boxes of a sample in the LiDAR frame, G of them.

    Attributes:
        bboxes_3d: Gravity center (x, y, z) m, length, width, height m, yaw rad,
            velocity (x, y) m/s, float64, shape (G, 9). An unknown velocity is zero, as
            in mmdet3d.
        labels_3d: Index of the class, -1 for other classes, int64, (G,).
        is_valid: Whether LiDAR or radar has a point in the box, bool, (G,).
        num_lidar_pts: Number of LiDAR points in the box, int64, (G,).
    """

    bboxes_3d: Array
    labels_3d: Indices
    is_valid: Mask
    num_lidar_pts: Indices


class Sample(TypedDict, total=False):
    """A sample on its way through the pipeline, key by key as in ``docs/sample.md``."""

    # From the dataset.
    sample_token: str
    scene_token: str
    scene_name: str
    timestamp: float
    sample_idx: int
    location: str | None
    lidar2ego: Array
    ego2global: Array
    data_root: str
    info_root: str
    lidar_token: str
    lidar_path: str
    num_pts_feats: int
    pts_dtype: str
    lidar_sweeps: list[Sweep]
    cam_names: list[str]
    img_tokens: list[str]
    img_paths: list[str]
    img_shapes: list[tuple[int, int] | None]
    lidar2cam: Array
    cam2img: Array
    pts_semantic_mask_path: str | None
    label_mapping: Indices
    rng: np.random.Generator
    instances: InfoBoxes
    box_classes: tuple[str, ...]
    # From transforms.
    points: Points
    pts_semantic_mask: Indices
    region_ids: NDArray[np.int32]
    imgs: list[Image]
    superpixels: list[NDArray[np.int32]]
    pairing_points: Indices
    pairing_images: Indices
    gt_bboxes_3d: LiDARInstance3DBoxes
    gt_labels_3d: Indices
    gt_bev_masks: Image
    map_classes: tuple[str, ...]
    cloud_views: list[Points]
    lidar_aug_matrix: Array
    img_aug_matrix: Array
    original_points: Indices
    sampled_points: Indices
    seed: int


class PackedInputs(TypedDict, total=False):
    """The tensors of one sample after ``PackInputs``."""

    points: Tensor
    imgs: Tensor
    lidar2cam: Tensor
    cam2img: Tensor
    img_aug_matrix: Tensor
    lidar_aug_matrix: Tensor
    superpixels: Tensor
    pairing_points: Tensor
    pairing_images: Tensor
    cloud_views: list[Tensor]
    region_ids: Tensor
    sampled_points: Tensor


class PackedSample(TypedDict):
    """Output of a pipeline: the tensors of a sample and its annotations."""

    inputs: PackedInputs
    data_samples: Det3DDataSample


class Batch(TypedDict, total=False):
    """The inputs of a model, key by key as in ``docs/sample.md``."""

    points: list[Tensor]
    imgs: Tensor
    lidar2cam: Tensor
    cam2img: Tensor
    img_aug_matrix: Tensor
    view_sample: Tensor
    lidar_aug_matrix: Tensor
    superpixels: Tensor
    num_superpixels: int
    pairing_points: Tensor
    pairing_images: Tensor
    cloud_views: list[list[Tensor]]
    region_ids: list[Tensor]
    sampled_points: list[Tensor]


class CollatedBatch(TypedDict):
    """Output of the data preprocessor: the arguments of a model's ``forward``."""

    inputs: Batch
    data_samples: list[Det3DDataSample] | None


PipelineStep: TypeAlias = ConfigDict | Callable[[Sample], Any]  # a config, or built

# Keys of a sample with one entry per point, and with one entry per camera view.
PointKey = Literal["points", "original_points", "pts_semantic_mask", "region_ids"]
ViewKey = Literal[
    "cam_names",
    "img_tokens",
    "img_paths",
    "img_shapes",
    "imgs",
    "superpixels",
    "lidar2cam",
    "cam2img",
    "img_aug_matrix",
]
