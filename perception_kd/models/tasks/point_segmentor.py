"""LiDAR semantic segmentation, the downstream task of image-to-LiDAR methods."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from mmdet3d.structures import PointData
from mmengine.logging import print_log
from torch import Tensor, nn

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.geometry.voxelization import first_points
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PointFeatures, PtsParts
from perception_kd.models.networks.task_model import Supervision, TaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict
from perception_kd.utils.checks import check_classes

_CROSS_ENTROPY = {"loss_ce": {"type": "mmdet.CrossEntropyLoss"}}


_LABELS = Supervision(
    "labeled points",
    ("num_labeled_points",),
    "check that the label files belong to the point clouds, that label_mapping maps their labels "
    "to the classes, and that points lie in the range of the voxels",
)


@MODELS.register_module()
class PointSegmentor(LidarNetworkMixin, TaskModel):
    """A class for every point, from a LiDAR network and a point-wise head.

    Args:
        pts_voxelizer: Points to voxels.
        pts_seg_head: Voxel or BEV features to class scores at the points. A linear one
            and ``freeze_backbone`` make the linear probe.
        losses: Losses of scores (M, C) and classes (M,) in [0, C), by the name under
            which each is logged, which begins with "loss_"; they are added up, with
            the factor ``loss_weight`` of their own. They are called as mmdet's and
            mmdet3d's are, with ``ignore_index``. None is cross-entropy alone, as
            ``loss_ce``.
        loss_on: "points", or "voxels" as in SLidR: of each voxel only the point with
            the lowest row counts, which is the one that a voxelizer with
            ``reduce="first"`` takes the features from.
        ignore_index: Class of points that take no part in the loss.
        freeze_backbone: Whether only the head is trained. The rest then stays in eval
            mode throughout, so its BatchNorm statistics cannot drift.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_backbone: Voxel features to voxel features, or a BEV map to levels.
        pts_neck: Levels of BEV maps to one.
        data_preprocessor: Collates samples.

    Raises:
        ValueError: If there is no loss, the name of one does not begin with "loss_", or
            ``loss_on`` is neither of the two.
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_seg_head: ConfigDict,
        losses: Mapping[str, ConfigDict] | None = None,
        loss_on: str = "points",
        ignore_index: int = 255,
        freeze_backbone: bool = False,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_middle_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        losses = _CROSS_ENTROPY if losses is None else losses
        if not losses or not all(name.startswith("loss_") for name in losses):
            raise ValueError(f'losses must have names like "loss_ce", but got {list(losses)}.')
        if loss_on not in ("points", "voxels"):
            raise ValueError(f'loss_on must be "points" or "voxels", but got "{loss_on}".')
        self.build_lidar_network(
            PtsParts(pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck)
        )
        self.pts_seg_head = MODELS.build(pts_seg_head)
        self._num_classes = pts_seg_head.get("out_channels")
        self.losses = nn.ModuleDict({name: MODELS.build(loss) for name, loss in losses.items()})
        self.loss_on = loss_on
        self.ignore_index = ignore_index
        if freeze_backbone:
            self.freeze([self.pts_voxelizer, *self.lidar_network_parts()])

    @property
    def supervision(self) -> Supervision:
        """Points with a class."""
        return _LABELS

    def check_data_classes(self, metainfo: Mapping[str, Any]) -> None:
        """Check that the data have as many classes of points as the head gives scores.

        Args:
            metainfo: Metainfo of the data set; without ``seg_classes``, nothing is
                checked.

        Raises:
            ValueError: If the numbers differ.
        """
        super().check_data_classes(metainfo)
        classes = metainfo.get("seg_classes")
        if classes is None or self._num_classes in (None, len(classes)):
            return
        raise ValueError(
            f"The head has scores for {self._num_classes} classes, but the points of the data have "
            f"{len(classes)}; choose classes with --classes {' '.join(classes)}."
        )

    def check_trained_on(self, checkpoint: Checkpoint, metainfo: Mapping[str, Any]) -> None:
        """Check that training and test use the same classes of points.

        The model knows the number of its classes but not their names, which its
        checkpoint has from the training data.

        Args:
            checkpoint: Checkpoint of the model, as mmengine's runner writes it.
            metainfo: Metainfo of the test data.

        Raises:
            ValueError: If both have names and these differ. A checkpoint without names
                is logged.
        """
        stored = checkpoint.meta.get("dataset_meta")
        trained = stored.get("seg_classes") if isinstance(stored, Mapping) else None
        tested = metainfo.get("seg_classes")
        if trained is not None and tested is not None:
            name = f"seg_classes of the data that {checkpoint.path} is tested on"
            check_classes(name, tested, trained)
        elif trained is None:
            print_log(
                f"{checkpoint.path} does not say which classes of points it was trained with, so "
                "they were not compared with those of the data.",
                logger="current",
                level=logging.WARNING,
            )

    def forward_tensor(self, inputs: Batch) -> Tensor:
        """Return scores of all points, (N, C)."""
        return self.extract_pts_feat(inputs["points"], self.pts_seg_head).feats

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the losses over what counts: labeled points in range, or voxels.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``.
            data_samples: One per sample, with ``gt_pts_seg.pts_semantic_mask``, (N_b,).

        Returns:
            Each of ``losses``, zero where nothing counts; the monitors ``acc_seg`` in
            percent and ``num_labeled_points``, the points that count.
        """
        points = self.extract_pts_feat(inputs["points"], self.pts_seg_head)
        classes = torch.cat([s.gt_pts_seg.pts_semantic_mask for s in data_samples])
        counted = self._rows_of_loss(points)
        counted = counted[classes[counted] != self.ignore_index]
        scores, classes = points.feats[counted], classes[counted]
        if len(classes) == 0:
            nothing = {name: scores.sum() * 0.0 for name in self.losses}
            zero = scores.new_zeros(())
            return {**nothing, "acc_seg": zero, "num_labeled_points": zero}
        # Ignored points are gone; mmdet3d's Lovasz loss fails where it removes them
        # itself and one is left.
        losses = {n: loss(scores, classes, ignore_index=None) for n, loss in self.losses.items()}
        correct = scores.argmax(dim=1) == classes
        num_labeled = scores.new_full((), len(classes))
        accuracy = 100 * correct.float().mean()
        return {**losses, "acc_seg": accuracy, "num_labeled_points": num_labeled}

    def _rows_of_loss(self, points: PointFeatures) -> Tensor:
        """Return the points that stand for themselves or for their voxel."""
        rows = points.in_range.nonzero().squeeze(1)
        if self.loss_on == "points" or len(rows) == 0:
            return rows
        voxel = points.point2voxel[rows]
        return rows[first_points(voxel, int(voxel.max()) + 1)]

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_pts_seg.pts_semantic_mask``, (N_b,) int64, into each sample.

        Points that the network did not see get ``ignore_index``.
        """
        scores, point2voxel = self.extract_pts_feat(inputs["points"], self.pts_seg_head)
        classes = scores.argmax(dim=1).masked_fill(point2voxel < 0, self.ignore_index)
        sizes = [len(cloud) for cloud in inputs["points"]]
        for sample, predicted in zip(data_samples, classes.split(sizes), strict=True):
            sample.pred_pts_seg = PointData(pts_semantic_mask=predicted)
        return data_samples
