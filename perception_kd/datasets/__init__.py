"""Converters of public data sets, info files, splits and the data sets themselves."""

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.class_balanced import CBGSDataset
from perception_kd.io.info_file import (
    COORDINATES,
    SCHEMA_VERSION,
    InfoWriter,
    make_metainfo,
    read_info,
    resolve_path,
    write_info,
)

__all__ = [
    "COORDINATES",
    "SCHEMA_VERSION",
    "CBGSDataset",
    "CameraLidarDataset",
    "InfoWriter",
    "make_metainfo",
    "read_info",
    "resolve_path",
    "write_info",
]
