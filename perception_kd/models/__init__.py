"""Networks and methods. Importing this package registers them."""

from perception_kd.models import (
    backbones,
    data_preprocessor,
    heads,
    losses,
    necks,
    pretrainers,
    tasks,
    view_transforms,
    voxelizers,
)

__all__ = [
    "backbones",
    "data_preprocessor",
    "heads",
    "losses",
    "necks",
    "pretrainers",
    "tasks",
    "view_transforms",
    "voxelizers",
]
