"""What every LiDAR-to-camera distillation shares: a frozen teacher and a student."""

import logging
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.models.pretrainers.bev_pretrainer import CameraLidarPretrainer, Config
from perception_kd.registry import MODELS


class LidarToCameraPretrainer(CameraLidarPretrainer):
    """A camera network learns from a frozen LiDAR network, where both see a point.

    Both maps are in one frame: cameras follow the cloud's augmentation by
    ``lidar_aug_matrix``. The teacher gets no gradient and stays in eval mode, so its
    statistics cannot drift; its weights stay in checkpoints under mmdet3d's names, so
    that a detector of both sensors loads all it needs from one file. A subclass says
    what is compared, in ``loss``.

    Args:
        pts_projector: Projector of the teacher's features; ``None`` without one.
        learn_pts_projector: Whether it starts anew and learns. By default it was
            learned with the teacher, and is loaded and frozen with it.
        teacher_checkpoint: File with all weights of the teacher. Without one the
            teacher is random, which only tests want; that is logged.
        **kwargs: Arguments of :class:`CameraLidarPretrainer`.
    """

    def __init__(
        self,
        pts_projector: Config | None = None,
        learn_pts_projector: bool = False,
        teacher_checkpoint: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pts_projector = MODELS.build(pts_projector) if pts_projector else None
        self.learn_pts_projector = learn_pts_projector
        self.teacher_checkpoint = teacher_checkpoint
        self.freeze([self.pts_voxelizer, *self.teacher_parts()])

    def teacher_parts(self) -> list[torch.nn.Module]:
        """Return the parts of the teacher that have parameters."""
        if self.pts_projector is None or self.learn_pts_projector:
            return self.lidar_network_parts()
        return [*self.lidar_network_parts(), self.pts_projector]

    def init_weights(self) -> None:
        """Initialize the student, then load the teacher.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it lacks any weight or statistic of the teacher, or a shape
                differs.
        """
        super().init_weights()
        if self.teacher_checkpoint is None:
            print_log(
                f"{type(self).__name__}: teacher_checkpoint is None, so the teacher is random.",
                logger="current",
                level=logging.WARNING,
            )
            return
        teacher = {id(part) for part in self.teacher_parts()}
        student = [f"{name}." for name, part in self.named_children() if id(part) not in teacher]
        load_pretrained(self, self.teacher_checkpoint, min_share=1.0, ignore=student)

    @torch.no_grad()
    def extract_teacher_bev(self, points: list[Tensor]) -> Tensor:
        """Compute the map of the frozen teacher, (B, C, Y, X), without a gradient."""
        return self.extract_pts_bev(points)
