"""A trained network as functions of points and images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.api.inference import features
from perception_kd.api.inference.batches import (
    as_samples,
    first_array,
    is_batch_of_images,
    like_given,
    name_sample,
    scatter_rows,
)
from perception_kd.api.inference.calibration import parse_calibration
from perception_kd.api.inference.clouds import columns_read, parse_cloud
from perception_kd.api.inference.images import read_images
from perception_kd.api.inference.preparation import Given, Preparation
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.structures import Batch, Image, Points

# What is given decides what is returned.
_ArrayT = TypeVar("_ArrayT", NDArray[Any], Tensor)
_WHERE = {
    "points": "networks of SLidR, PPKT, PRC, RAD, detection and segmentation from LiDAR have it",
    "images": "networks of SLidR, PPKT, RAD, and of detection and map segmentation from cameras "
    "have it",
    "bev": "networks of PRC, RAD, SLidR's VoxelNet, and of detection and map segmentation have it",
}


class TrainedNetwork:
    """A trained network in eval mode, made by :func:`perception_kd.load`.

    Points and images are NumPy arrays or tensors, of one sample or, in a list, of
    several. They go through the steps of the training's test pipeline: points out of
    range are left out, images scaled, cropped and normalized. Features are arrays if
    arrays were given, and tensors on the network's device if tensors were; no gradient
    is computed.

    Args:
        model: The model with its weights.
        preparation: Steps of its test pipeline.
        path: File of the weights.
        classes: Names of the classes that it was trained with, in their order.
        trained_intensity: Greatest intensity that it was trained with, if it is known.

    Attributes:
        model: The model.
        path: File of the weights.
        classes: Names of the classes; empty after a pre-training.
        num_sweeps: Number of earlier sweeps that each point cloud of the training had,
            in LiDAR coordinates of the last one, with their time lag in column 4. With
            fewer, features are those of sparser data.

    Example:
        A network with random weights, which :func:`perception_kd.load` would read:

        >>> import numpy as np
        >>> from mmengine.registry import init_default_scope
        >>> from perception_kd.engine.run.launch import read_config
        >>> from perception_kd.registry import MODELS
        >>> init_default_scope("perception_kd")
        >>> config = "prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"
        >>> cfg = read_config(f"configs/calico/{config}")
        >>> path = Path("epoch_8.pth")
        >>> model = MODELS.build(cfg.model).eval()
        >>> net = TrainedNetwork(model, Preparation(cfg, path), path)
        >>> net.points(np.ones((3, 4))).shape, net.num_sweeps
        ((3, 64), 1)
        >>> net.images(np.zeros((1, 4, 6, 3), np.uint8))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: epoch_8.pth is a PointRegionContrast without net.images(): ...
    """

    def __init__(
        self,
        model: TaskModel,
        preparation: Preparation,
        path: Path,
        classes: tuple[str, ...] = (),
        trained_intensity: float | None = None,
    ) -> None:
        self.model = model
        self.path = path
        self.classes = classes
        self._preparation = preparation
        self._trained_intensity = trained_intensity

    def __repr__(self) -> str:
        """Return the type of the model, its file and its device."""
        return f"<{type(self.model).__name__} of {self.path} on {self.device}>"

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.model.parameters()).device

    @property
    def num_sweeps(self) -> int:
        """Number of earlier sweeps in each point cloud of the training."""
        return self._preparation.num_sweeps

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the training's images in px; None if any are accepted."""
        return self._preparation.image_size

    @overload
    def points(self, cloud: _ArrayT, *, head: bool = ...) -> _ArrayT: ...
    @overload
    def points(self, cloud: Sequence[_ArrayT], *, head: bool = ...) -> list[_ArrayT]: ...

    def points(self, cloud: Any, *, head: bool = True) -> Any:
        """Compute a feature for every point.

        Args:
            cloud: Points in LiDAR coordinates, shape (N, 4): x, y, z in m, intensity in
                the range of the training; with a fifth column, the time lag in s, where
                there are points of earlier sweeps. Or a list of them, one per sample.
            head: Whether features pass the head of the training, which projects them to
                what is compared with images (pre-training) or scores classes
                (segmentation). False gives those of the network itself, which
                downstream networks start from.

        Returns:
            Shape (N, C), in the order of the points; a list for a list. Zero where the
            network did not see the point: out of its range, or not finite.

        Raises:
            ValueError: If the network has no such part, or the points cannot be right;
                names the column.
        """
        self._require("points", features.has_points(self.model))
        clouds, is_batch = as_samples(cloud, isinstance(cloud, list | tuple))
        read = self._read_clouds(clouds, is_batch)
        inputs, rows = self._collate([Given(points=each) for each in read])
        with torch.inference_mode():
            feats = features.point_feats(cast(Any, self.model), inputs["points"], head=head)
        parts = feats.split([len(row) for row in rows])
        whole = [
            scatter_rows(part, row, len(each))
            for part, row, each in zip(parts, rows, read, strict=True)
        ]
        return like_given(whole if is_batch else whole[0], clouds[0])

    @overload
    def images(self, imgs: _ArrayT, *, head: bool = ...) -> _ArrayT: ...
    @overload
    def images(self, imgs: Sequence[Any], *, head: bool = ...) -> Any: ...

    def images(self, imgs: Any, *, head: bool = True) -> Any:
        """Compute a map of features for every image.

        Args:
            imgs: V images, RGB, uint8 in 0..255: (V, H, W, 3), (V, 3, H, W), or a list
                of V single ones, which may differ in size. Or a list of such, one per
                sample. OpenCV reads BGR: give ``img[..., ::-1]``.
            head: Whether the features of a teacher are projected to what is compared
                with points; False gives those of the teacher itself. Without meaning
                for other networks.

        Returns:
            Shape (V, C, h, w); a list for several samples. The map is of the image as
            the training's pipeline scales and crops it.

        Raises:
            ValueError: If the network has no such part, or the images cannot be right.
        """
        self._require("images", features.has_images(self.model))
        samples, is_batch = as_samples(imgs, is_batch_of_images(imgs))
        views = [
            read_images(each, name_sample("imgs", number, is_batch))
            for number, each in enumerate(samples)
        ]
        inputs, _ = self._collate([Given(imgs=each) for each in views])
        with torch.inference_mode():
            feats = features.image_feats(self.model, inputs["imgs"], head=head)
        parts = [part.clone() for part in feats.split([len(each) for each in views])]
        return like_given(parts if is_batch else parts[0], first_array(samples[0]))

    @overload
    def bev(self, cloud: _ArrayT, imgs: Any = ..., calibration: Any = ...) -> _ArrayT: ...
    @overload
    def bev(self, cloud: Sequence[_ArrayT], imgs: Any = ..., calibration: Any = ...) -> _ArrayT: ...
    @overload
    def bev(self, cloud: None, imgs: _ArrayT, calibration: Any) -> _ArrayT: ...
    @overload
    def bev(self, cloud: None, imgs: Sequence[Any], calibration: Any) -> Any: ...

    def bev(self, cloud: Any = None, imgs: Any = None, calibration: Any = None) -> Any:
        """Compute a BEV map.

        It is the map that heads read where the network fuses its sensors (detection,
        map segmentation); else that of the cameras if images are given, and that of the
        LiDAR if not.

        Args:
            cloud: As in :meth:`points`; not needed for cameras alone, unless their view
                transform reads points.
            imgs: As in :meth:`images`; not needed for a LiDAR alone.
            calibration: A :class:`~perception_kd.Calibration` of the images, or a dict
                of ``lidar2cam`` (V, 4, 4) and ``cam2img`` (V, 3, 3), for the images as
                they are given. With lists above, a list of them.

        Returns:
            Shape (C, Y, X), rows along y and columns along x; (B, C, Y, X) for lists.

        Raises:
            ValueError: If the network has no such map, or an argument is missing or
                cannot be right.
        """
        self._require("bev", features.has_lidar_bev(self.model) or self._has_camera_bev())
        self._check_sensors(cloud, imgs, calibration)
        is_batch = isinstance(cloud, list | tuple) if cloud is not None else None
        if is_batch is None:
            is_batch = is_batch_of_images(imgs)
        given = self._read_samples(cloud, imgs, calibration, is_batch)
        inputs, _ = self._collate(given)
        with torch.inference_mode():
            maps = features.bev_map(self.model, inputs)
        maps = maps.clone() if is_batch else maps[0].clone()
        return like_given(maps, first_array(imgs if cloud is None else cloud))

    def _has_camera_bev(self) -> bool:
        return features.has_image_bev(self.model)

    def _require(self, what: str, has_it: bool) -> None:
        if not has_it:
            raise ValueError(
                f"{self.path} is a {type(self.model).__name__} without net.{what}(): "
                f"{_WHERE[what]}."
            )

    def _check_sensors(self, cloud: Any, imgs: Any, calibration: Any) -> None:
        """Check that what a network needs for its map is given, and nothing else."""
        lidar, camera = features.has_lidar_bev(self.model), self._has_camera_bev()
        kind = f"The {type(self.model).__name__} of {self.path}"
        if imgs is not None and not camera:
            raise ValueError(f"{kind} has no BEV map of cameras; give the point cloud alone.")
        needs_all = features.fuses(self.model)
        if cloud is None and ((lidar and needs_all) or imgs is None):
            raise ValueError(f"{kind} needs a point cloud for its BEV map: net.bev(cloud, ...).")
        if imgs is None and camera and needs_all:
            raise ValueError(
                f"{kind} needs images for its BEV map: net.bev(cloud, imgs, calibration)."
            )
        if (imgs is None) != (calibration is None):
            raise ValueError("imgs and calibration must be given together.")

    def _read_samples(self, cloud: Any, imgs: Any, calibration: Any, is_batch: bool) -> list[Given]:
        columns: list[list[Any]] = []
        sizes: set[int] = set()
        for name, value in (("cloud", cloud), ("imgs", imgs), ("calibration", calibration)):
            columns.append(as_samples(value, is_batch)[0])
            sizes |= set() if value is None else {len(columns[-1])}
            if is_batch and value is not None and not isinstance(value, list | tuple):
                raise ValueError(f"{name} must be a list, one per sample, as the others are.")
        if len(sizes) != 1:
            raise ValueError(f"cloud, imgs and calibration have {sorted(sizes)} samples.")
        (size,) = sizes
        clouds = [None] * size if cloud is None else self._read_clouds(columns[0], is_batch)
        given = []
        for number in range(size):
            views: list[Image] | None = None
            matrices = None
            if imgs is not None:
                views = read_images(columns[1][number], name_sample("imgs", number, is_batch))
                matrices = parse_calibration(columns[2][number])
                matrices.check_images(views)
            given.append(Given(clouds[number], views, matrices))
        return given

    def _read_clouds(self, clouds: Sequence[Any], is_batch: bool) -> list[Points]:
        read = columns_read(cast(Any, self.model).pts_voxelizer)
        return [
            parse_cloud(each, read, name_sample("cloud", number, is_batch), self._trained_intensity)
            for number, each in enumerate(clouds)
        ]

    def _collate(self, given: Sequence[Given]) -> tuple[Batch, list[Tensor]]:
        packed, rows = self._preparation.pack(given)
        collate: Callable[..., Any] = self.model.data_preprocessor
        return collate({"inputs": packed})["inputs"], rows
