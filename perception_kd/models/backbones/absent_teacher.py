"""The place of a frozen teacher that is not there."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from perception_kd.models.backbones.teacher_identity import DECLARED


class AbsentTeacher(nn.Module):
    """Declare what a teacher declares, and refuse to compute its features.

    A network that has learned from images needs its teacher for features of images
    alone. It is not registered: a config of a training cannot name it.

    Args:
        channels: Channels of the teacher's map.
        declared: What else is known of the teacher: ``stride``, ``cell_offset``,
            ``mean``, ``std``.
        reason: What to do about it, the message of the error.
    """

    def __init__(self, channels: int, declared: Mapping[str, Any], reason: str) -> None:
        super().__init__()
        self.out_channels = channels
        for name in DECLARED:
            if declared.get(name) is not None:
                setattr(self, name, declared[name])
        self.reason = reason

    def forward(self, imgs: Tensor) -> Tensor:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        raise ValueError(self.reason)
