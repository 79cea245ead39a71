"""Networks and methods. Importing this package registers them."""

from perception_kd.models import (
    backbones,
    data_preprocessor,
    detectors,
    fusers,
    heads,
    losses,
    necks,
    pretrainers,
    region_sampler,
    segmentors,
    view_transforms,
    voxelizers,
)

__all__ = [
    "backbones",
    "data_preprocessor",
    "detectors",
    "fusers",
    "heads",
    "losses",
    "necks",
    "pretrainers",
    "region_sampler",
    "segmentors",
    "view_transforms",
    "voxelizers",
]
