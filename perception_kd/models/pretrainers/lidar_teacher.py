"""A frozen LiDAR network that teaches cameras: its weights and its place in a model."""

import logging
from collections.abc import Sequence

from mmengine.logging import print_log
from torch import nn

from perception_kd.checkpoints.loading import load_pretrained


def load_lidar_teacher(
    model: nn.Module, teacher: Sequence[nn.Module], checkpoint: str | None
) -> None:
    """Load the parts of a frozen teacher from a checkpoint of PRC.

    Args:
        model: Pre-trainer that holds the teacher and its student.
        teacher: Children of the model that belong to the teacher and have parameters.
        checkpoint: File with all their weights. None leaves the teacher random, which
            only tests want; that is logged.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it lacks a weight or statistic of the teacher, or a shape
            differs.
    """
    if checkpoint is None:
        print_log(
            f"{type(model).__name__}: teacher_checkpoint is None, so the teacher is random.",
            logger="current",
            level=logging.WARNING,
        )
        return
    parts = {id(part) for part in teacher}
    student = [f"{name}." for name, part in model.named_children() if id(part) not in parts]
    load_pretrained(model, checkpoint, min_share=1.0, ignore=student)
