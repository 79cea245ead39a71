"""Types of the project's data: samples, batches, and shared aliases.

``docs/sample.md`` describes each key: shape, dtype, coordinates, unit and writer. The
types here let mypy find a misspelled key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class PointLayout:
    """Layout of x, y, z and intensity in files of points.

    A stored position becomes m in LiDAR coordinates as ``unit * (position - origin)``,
    whose axes are then exchanged.

    Attributes:
        num_columns: Numbers per point in files of raw rows (``.bin``); all other
            formats say it themselves.
        dtype: Type of a number in files of raw rows.
        columns: Which stored columns are x, y, z, intensity and further ones: names of
            fields, or indices where columns have no names. None in place of the
            intensity means that there is none, and it is 0. None instead of all means
            every column in its order, where they have no names, and else the fields
            "x", "y", "z", "intensity".
        intensity_scale: Factor on the intensity. nuScenes has 0 .. 255, and networks
            that were trained on it expect that.
        axes: The stored axis along each of x, y and z, such as ("y", "-x", "z").
        unit: Length of a stored unit in m, 0.001 for mm.
        origin: Stored position of the sensor, such as its place on a map.

    Raises:
        ValueError: If a field cannot be, with its name first.
    """

    num_columns: int = 4
    dtype: str = "float32"
    columns: tuple[str | int | None, ...] | None = None
    intensity_scale: float = 1.0
    axes: tuple[str, str, str] = ("x", "y", "z")
    unit: float = 1.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.columns is not None:
            _check_columns(self.columns)
        if sorted(str(axis).removeprefix("-") for axis in self.axes) != ["x", "y", "z"]:
            raise ValueError(
                'axes must be "x", "y" and "z" in any order, each with or without "-", but got '
                f"{self.axes}"
            )
        for name in ("num_columns", "intensity_scale", "unit"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive, but got {getattr(self, name)}")
        if len(self.origin) != 3 or not all(_is_finite(value) for value in self.origin):
            raise ValueError(f"origin must be three numbers, but got {self.origin}")


def _check_columns(columns: tuple[str | int | None, ...]) -> None:
    are_known = all(
        isinstance(column, str)
        or (type(column) is int and column >= 0)
        or (column is None and i == 3)
        for i, column in enumerate(columns)
    )
    if len(columns) < 4 or not are_known or len(set(columns)) < len(columns):
        raise ValueError(
            "columns must be different names or indices of x, y, z, intensity (None if there is "
            f"none) and further ones, but got {columns}"
        )


def _is_finite(value: object) -> bool:
    return isinstance(value, float | int) and abs(value) < float("inf")


class Sweep(TypedDict):
    """An earlier LiDAR sweep of a sample.

    Attributes:
        lidar_path: Absolute path of its file.
        sweep2lidar: Transform from the sweep's to the sample's LiDAR coordinates, with
            the ego motion, shape (4, 4).
        timestamp: Time of the sweep in s.
    """

    lidar_path: str
    sweep2lidar: Array
    timestamp: float


class InfoBoxes(TypedDict):
    """The annotated boxes of a sample in LiDAR coordinates, G of them.

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
    point_layout: PointLayout
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
    superpixel_feats: NDArray[np.float16]
    teacher_maps: NDArray[np.float16]
    teacher_cache: dict[str, Any]
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
    superpixel_feats: Tensor
    teacher_maps: Tensor


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
    superpixel_feats: Tensor
    teacher_maps: Tensor


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
