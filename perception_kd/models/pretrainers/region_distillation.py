"""CALICO's RAD: a camera network learns from a LiDAR network, region by region."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.models.losses.position_removal import remove_position
from perception_kd.models.networks.camera_network import ImgParts
from perception_kd.models.networks.lidar_network import PtsParts
from perception_kd.models.networks.task_model import Supervision
from perception_kd.models.pretrainers.bev_points import (
    count_drawn_points,
    find_supervision,
    read_bev,
    sampled_points,
    sensor_positions,
)
from perception_kd.models.pretrainers.camera_lidar_pretrainer import CameraLidarPretrainer
from perception_kd.models.pretrainers.rad_diagnosis import measure_agreement
from perception_kd.models.view_transforms.depth_distribution import (
    cell_depths,
    depth_distribution_loss,
    expected_depth_error,
)
from perception_kd.models.view_transforms.depth_lift_splat import DepthLSSViewTransform
from perception_kd.models.view_transforms.frustum import Cameras
from perception_kd.models.view_transforms.lift_splat import LSSViewTransform
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict

_DIRECTIONS = ("camera_to_lidar", "lidar_to_camera", "both")


class _Compared(NamedTuple):
    """Features of the drawn points of each sample, (M_b, D), their rows and regions."""

    camera: list[Tensor]
    lidar: list[Tensor]
    rows: list[Tensor]
    region_ids: list[Tensor]
    depth_scores: Tensor | None


@MODELS.register_module()
class RegionDistillation(CameraLidarPretrainer):
    """Contrast the camera's and the frozen LiDAR's map at points of regions [1, Eq. 3].

    Both maps have the same coordinates, since cameras follow the augmentation of the
    points by ``lidar_aug_matrix``, and are read at the same places. Every region has
    the same weight whatever its number of points. The teacher gets no gradient and
    stays in eval mode; its weights stay in checkpoints under mmdet3d's names, so that a
    detector of both sensors loads all it needs from one file.

    The LiDAR's projector was learned by :class:`PointRegionContrast` and is frozen as
    well, so that the target is fixed. [1] does not specify this: with
    ``learn_pts_projector=True`` a new one is learned, the teacher's map still fixed.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_voxelizer: Points to voxels; the parts ``pts_*`` are the teacher's, those of
            :class:`~.PtsParts`.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_projector: The LiDAR's features at points to D channels.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_projector: The camera's features at points to D channels.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        loss_rad: RAD, called as ``loss(query, key, region_ids, point_ids)``, and with
            the ranges of points if it has a ``max_range_gap``: lists of one tensor per
            sample, as in :class:`~.RegionContrastLoss`; queries are the anchors.
        direction: Modality of the anchors: "camera_to_lidar" (camera anchors, LiDAR
            candidates), "lidar_to_camera", or "both", the mean of the two.
        learn_pts_projector: Whether ``pts_projector`` is initialized randomly and
            learned; by default it is loaded with the teacher and frozen.
        teacher_checkpoint: File with all weights of the teacher. Without one the
            teacher is random, which only tests want; that is logged.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        img_neck: Levels of image features to levels, of which the first is used.
        remove_position: Whether range and azimuth are regressed out of the teacher's
            features, batch by batch: see :func:`~.position_removal.remove_position`.
        depth_weight: Weight of the depth loss of BEVDepth, whose target is the LiDAR's
            depth in the images: see :func:`~.depth_distribution_loss`. 0 is none.
        diagnose: Whether :meth:`predict` also returns what
            :func:`~.rad_diagnosis.measure_agreement` measures, and
            ``mean_depth_error_m``. ``tools/test.py`` prints their means.
        data_preprocessor: Collates, and normalizes images.

    Raises:
        ValueError: If ``direction`` is unknown, or ``depth_weight`` negative.
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_middle_encoder: ConfigDict,
        pts_projector: ConfigDict,
        img_backbone: ConfigDict,
        view_transform: ConfigDict,
        img_projector: ConfigDict,
        grid: ConfigDict,
        loss_rad: ConfigDict,
        direction: str = "camera_to_lidar",
        learn_pts_projector: bool = False,
        teacher_checkpoint: str | None = None,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        img_neck: ConfigDict | None = None,
        remove_position: bool = False,
        depth_weight: float = 0.0,
        diagnose: bool = False,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(
            PtsParts(pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck),
            ImgParts(img_backbone, img_neck, view_transform),
            grid=grid,
            data_preprocessor=data_preprocessor,
            teacher_checkpoint=teacher_checkpoint,
        )
        if direction not in _DIRECTIONS:
            raise ValueError(f'direction must be one of {_DIRECTIONS}, but got "{direction}".')
        if depth_weight < 0:
            raise ValueError(f"depth_weight must not be negative, but got {depth_weight}.")
        self.remove_position = remove_position
        self.depth_weight = depth_weight
        self.diagnose = diagnose
        self.pts_projector = MODELS.build(pts_projector)
        self.learn_pts_projector = learn_pts_projector
        self.freeze([self.pts_voxelizer, *self.teacher_parts()])
        self.img_projector = MODELS.build(img_projector)
        if depth_weight > 0 and isinstance(self.view_transform, DepthLSSViewTransform):
            raise ValueError(
                "depth_weight must be 0 with DepthLSSViewTransform, which reads the LiDAR's depth, "
                f"but got {depth_weight}."
            )
        self.loss_rad = MODELS.build(loss_rad)
        self.direction = direction

    def teacher_parts(self) -> list[nn.Module]:
        """Return the parts of the teacher that have parameters."""
        if self.learn_pts_projector:
            return self.lidar_network_parts()
        return [*self.lidar_network_parts(), self.pts_projector]

    @property
    def supervision(self) -> Supervision:
        """Pairs or regions that its losses compare."""
        return find_supervision(self.loss_rad)

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` and their
                matrices, ``region_ids`` and ``sampled_points``.
            data_samples: Not used.

        Returns:
            ``loss_rad``; ``loss_depth`` with ``depth_weight``; the monitors
            ``num_regions``, ``num_region_points`` and ``num_background_points`` of the
            compared points.
        """
        return self._compute_losses(inputs, self._compare_maps(inputs))

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Return the losses and monitors of held-out data, with ``diagnose`` more."""
        if not self.diagnose:
            return super().predict(inputs, data_samples)
        compared = self._compare_maps(inputs)
        values = self._compute_losses(inputs, compared) | self._measure(inputs, compared)
        return [{name: float(value) for name, value in values.items()}]

    def _compare_maps(self, inputs: Batch) -> _Compared:
        points = inputs["points"]
        rows, region_ids = sampled_points(inputs)
        sizes = [len(row) for row in rows]

        with torch.no_grad():
            lidar_bev = self.extract_pts_bev(points)
        lidar = self.pts_projector(read_bev(lidar_bev, points, rows, self.grid))
        if self.remove_position:
            where = torch.cat(sensor_positions(inputs, rows))
            lidar = unit_length(remove_position(lidar, where))
        camera_bev, depth_scores = self._lift(inputs)
        camera = self.img_projector(read_bev(camera_bev, points, rows, self.grid))
        return _Compared(
            list(camera.split(sizes)), list(lidar.split(sizes)), rows, region_ids, depth_scores
        )

    def _lift(self, inputs: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the camera's map; where they are needed also scores of depths."""
        if self.depth_weight == 0 and (self.training or not self.diagnose):
            return self.extract_img_bev(inputs), None
        feats = self.extract_img_feats(inputs["imgs"])
        cameras, view_transform = Cameras.from_inputs(inputs), self.view_transform
        assert isinstance(view_transform, LSSViewTransform)
        scores = view_transform.predict_depth(feats, cameras, inputs["points"])
        bev = view_transform(feats, cameras, inputs["points"])
        return bev, scores[:, : view_transform.num_depths]

    def _compute_losses(self, inputs: Batch, compared: _Compared) -> dict[str, Tensor]:
        camera, lidar, rows, region_ids, _ = compared
        known: list[list[Tensor]] = [region_ids, rows]
        if getattr(self.loss_rad, "max_range_gap", None) is not None:
            known.append([xy.norm(dim=1) for xy in sensor_positions(inputs, rows)])
        losses = []
        if self.direction in ("camera_to_lidar", "both"):
            losses.append(self.loss_rad(camera, lidar, *known))
        if self.direction in ("lidar_to_camera", "both"):
            losses.append(self.loss_rad(lidar, camera, *known))
        values = {"loss_rad": sum(losses) / len(losses)}
        if self.depth_weight > 0:
            depth = self._depths(inputs, compared)
            values["loss_depth"] = self.depth_weight * depth_distribution_loss(*depth)
        return {**values, **count_drawn_points(region_ids)}

    def _depths(self, inputs: Batch, compared: _Compared) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores of depths, the depths, and the LiDAR's depth of each cell."""
        scores, view_transform = compared.depth_scores, self.view_transform
        assert scores is not None
        assert isinstance(view_transform, LSSViewTransform)
        feat_shape = (scores.shape[2], scores.shape[3])
        targets = cell_depths(inputs["points"], Cameras.from_inputs(inputs), feat_shape)
        return scores, view_transform.depths, targets

    @torch.no_grad()
    def _measure(self, inputs: Batch, compared: _Compared) -> dict[str, Tensor]:
        camera, lidar, rows, region_ids, _ = compared
        where = sensor_positions(inputs, rows)
        of_samples = [
            measure_agreement(*sample)
            for sample in zip(camera, lidar, where, region_ids, strict=True)
        ]
        means = {
            name: torch.stack([measured[name] for measured in of_samples]).mean()
            for name in of_samples[0]
        }
        error = expected_depth_error(*self._depths(inputs, compared))
        return {**means, "mean_depth_error_m": error}
