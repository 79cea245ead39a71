"""Networks and methods. Importing this package registers them."""

from perception_kd.models import (
    backbones,
    data_preprocessor,
    heads,
    losses,
    pretrainers,
    segmentors,
    voxelizers,
)

__all__ = [
    "backbones",
    "data_preprocessor",
    "heads",
    "losses",
    "pretrainers",
    "segmentors",
    "voxelizers",
]
