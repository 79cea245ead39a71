"""Steps of a pipeline; each says which keys of a sample it reads and writes."""

from perception_kd.datasets.transforms.base import RandomTransform, Transform
from perception_kd.datasets.transforms.bev_maps import LoadBEVMasks
from perception_kd.datasets.transforms.bevfusion_images import (
    RandomRotateImages,
    RandomScaleAndCropImages,
    ScaleAndCropImages,
)
from perception_kd.datasets.transforms.boxes import CropBoxesToRange, LoadBoxes
from perception_kd.datasets.transforms.cached import LoadRegions, LoadSuperpixels
from perception_kd.datasets.transforms.cloud_views import MakeCloudViews
from perception_kd.datasets.transforms.loading import (
    LoadImages,
    LoadPointLabels,
    LoadPoints,
)
from perception_kd.datasets.transforms.packing import DrawSeed, PackInputs
from perception_kd.datasets.transforms.pairing import PairPointsWithPixels
from perception_kd.datasets.transforms.patches import MakePatches
from perception_kd.datasets.transforms.point_selection import (
    CropToDisc,
    CropToRange,
    DropCuboids,
    ShufflePoints,
)
from perception_kd.datasets.transforms.points import (
    RandomFlipAxis,
    RandomRotateZ,
    RandomScale,
    RandomTranslate,
)
from perception_kd.datasets.transforms.region_points import SampleRegionPoints
from perception_kd.datasets.transforms.slidr_images import (
    RandomFlipImages,
    RandomResizedCrop,
    ResizeImages,
)
from perception_kd.datasets.transforms.stored_crops import StoredCrops

__all__ = [
    "CropBoxesToRange",
    "CropToDisc",
    "CropToRange",
    "DrawSeed",
    "DropCuboids",
    "LoadBEVMasks",
    "LoadBoxes",
    "LoadImages",
    "LoadPointLabels",
    "LoadPoints",
    "LoadRegions",
    "LoadSuperpixels",
    "MakeCloudViews",
    "MakePatches",
    "PackInputs",
    "PairPointsWithPixels",
    "RandomFlipAxis",
    "RandomFlipImages",
    "RandomResizedCrop",
    "RandomRotateImages",
    "RandomRotateZ",
    "RandomScale",
    "RandomScaleAndCropImages",
    "RandomTransform",
    "RandomTranslate",
    "ResizeImages",
    "SampleRegionPoints",
    "ScaleAndCropImages",
    "ShufflePoints",
    "StoredCrops",
    "Transform",
]
