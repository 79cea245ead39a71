"""Bags of any format with messages given as plain values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2

from perception_kd.datasets.rosbag.decoding import make_store
from perception_kd.structures import Array

FORMATS = ("mcap", "sqlite3", "ros1")
_DATATYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


class Sent(NamedTuple):
    """A message to write.

    Attributes:
        topic: Its topic.
        time: Recording time in s.
        values: Its type and fields, from a function of this module.
    """

    topic: str
    time: float
    values: tuple[str, dict[str, Any]]


class BagMaker:
    """Writes a bag of one format.

    Args:
        folder: Where to write it.
        kind: One of ``FORMATS``.
        options: Further arguments of the writer of ROS 2.
    """

    def __init__(self, folder: Path, kind: str, name: str = "drive", **options: Any) -> None:
        self.path = folder / (f"{name}.bag" if kind == "ros1" else name)
        self._is_ros1 = kind == "ros1"
        self.store = make_store(self._is_ros1)
        plugin = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
        self._writer: Any = (
            Writer1(self.path)
            if self._is_ros1
            else Writer2(self.path, version=9, storage_plugin=plugin[kind], **options)
        )
        self._connections: dict[str, Any] = {}

    def compress(self, mode: CompressionMode) -> None:
        """Compress what is written to a bag of ROS 2."""
        self._writer.set_compression(mode, CompressionFormat.ZSTD)

    def write(self, sent: Iterable[Sent]) -> Path:
        """Write messages in their order and return the path of the bag."""
        with self._writer as writer:
            for topic, time, (kind, fields) in sent:
                if topic not in self._connections:
                    self._connections[topic] = writer.add_connection(
                        topic, kind, typestore=self.store
                    )
                message = self._message(kind, fields)
                serialize = self.store.serialize_ros1 if self._is_ros1 else self.store.serialize_cdr
                data = serialize(message, kind)
                writer.write(self._connections[topic], ns(time), data)
        return self.path

    def _message(self, kind: str, fields: dict[str, Any]) -> Any:
        cls: Any = self.store.types[kind]
        values = {name: self._value(value) for name, value in fields.items()}
        if self._is_ros1 and kind == "std_msgs/msg/Header":
            values["seq"] = 0
        if self._is_ros1 and kind == "sensor_msgs/msg/CameraInfo":
            values |= {name.upper(): values.pop(name) for name in "dkrp"}
        return cls(**values)

    def _value(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return self._message(*value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value


def ns(time: float) -> int:
    """Return a time in s as ns."""
    return round(time * 1e6) * 1000


def _stamp(time: float) -> tuple[str, dict[str, Any]]:
    seconds, nanoseconds = divmod(ns(time), 10**9)
    return "builtin_interfaces/msg/Time", {"sec": seconds, "nanosec": nanoseconds}


def header(time: float, frame: str) -> tuple[str, dict[str, Any]]:
    return "std_msgs/msg/Header", {"stamp": _stamp(time), "frame_id": frame}


def cloud(
    time: float,
    rows: NDArray[Any],
    *,
    frame: str = "lidar",
    height: int = 1,
    row_padding: int = 0,
) -> tuple[str, dict[str, Any]]:
    """Return a cloud from a structured array, whose offsets and byte order it keeps."""
    dtype = rows.dtype
    is_big = any(dtype[name].base.byteorder == ">" for name in dtype.names or ())
    fields = [
        (
            "sensor_msgs/msg/PointField",
            {
                "name": name,
                "offset": dict(dtype.fields or {})[name][1],
                "datatype": _DATATYPES[dtype[name].base.str[1:]],
                "count": int(np.prod(dtype[name].shape)),
            },
        )
        for name in dtype.names or ()
    ]
    lines = rows.reshape(height, -1)
    step = lines.shape[1] * dtype.itemsize
    padding = bytes([255]) * row_padding
    data = b"".join(line.tobytes() + padding for line in lines)
    return "sensor_msgs/msg/PointCloud2", {
        "header": header(time, frame),
        "height": height,
        "width": lines.shape[1],
        "fields": fields,
        "is_bigendian": is_big,
        "point_step": dtype.itemsize,
        "row_step": step + row_padding,
        "data": np.frombuffer(data, np.uint8),
        "is_dense": True,
    }


def image(
    time: float, pixels: NDArray[np.uint8], encoding: str, *, frame: str = "cam", padding: int = 0
) -> tuple[str, dict[str, Any]]:
    """Return an image whose rows are followed by ``padding`` bytes."""
    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, padding)), constant_values=255)
    return "sensor_msgs/msg/Image", {
        "header": header(time, frame),
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": rows.shape[1],
        "data": rows.flatten(),
    }


def compressed(
    time: float, data: bytes, name: str, *, frame: str = "cam"
) -> tuple[str, dict[str, Any]]:
    return "sensor_msgs/msg/CompressedImage", {
        "header": header(time, frame),
        "format": name,
        "data": np.frombuffer(data, np.uint8),
    }


def camera_info(
    time: float,
    cam2img: Array,
    size: tuple[int, int],
    *,
    frame: str = "cam",
    model: str = "plumb_bob",
    distortion: Iterable[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
) -> tuple[str, dict[str, Any]]:
    """Return the calibration of images of a (width, height)."""
    projection = np.zeros((3, 4))
    projection[:, :3] = cam2img
    roi = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
    return "sensor_msgs/msg/CameraInfo", {
        "header": header(time, frame),
        "width": size[0],
        "height": size[1],
        "distortion_model": model,
        "d": np.array([*distortion], float),
        "k": np.asarray(cam2img, float).flatten(),
        "r": np.eye(3).flatten(),
        "p": projection.flatten(),
        "binning_x": 0,
        "binning_y": 0,
        "roi": ("sensor_msgs/msg/RegionOfInterest", roi),
    }


def _rotation(quaternion: Iterable[float]) -> tuple[str, dict[str, Any]]:
    """Return a rotation from x, y, z, w."""
    names = zip("xyzw", quaternion, strict=True)
    return "geometry_msgs/msg/Quaternion", {name: float(value) for name, value in names}


def _vector(kind: str, values: Iterable[float]) -> tuple[str, dict[str, Any]]:
    names = zip("xyz", values, strict=True)
    return f"geometry_msgs/msg/{kind}", {name: float(value) for name, value in names}


def transforms(
    *links: tuple[float, str, str, Iterable[float], Iterable[float]],
) -> tuple[str, dict[str, Any]]:
    """Return transforms from time, parent, child, translation and (x, y, z, w)."""
    return "tf2_msgs/msg/TFMessage", {
        "transforms": [
            (
                "geometry_msgs/msg/TransformStamped",
                {
                    "header": header(time, parent),
                    "child_frame_id": child,
                    "transform": (
                        "geometry_msgs/msg/Transform",
                        {
                            "translation": _vector("Vector3", translation),
                            "rotation": _rotation(quaternion),
                        },
                    ),
                },
            )
            for time, parent, child, translation, quaternion in links
        ]
    }


def odometry(
    time: float,
    translation: Iterable[float],
    quaternion: Iterable[float],
    *,
    frame: str = "odom",
    child: str = "base_link",
) -> tuple[str, dict[str, Any]]:
    """Return the pose of a child in a frame."""
    pose = {"position": _vector("Point", translation), "orientation": _rotation(quaternion)}
    zero = _vector("Vector3", (0, 0, 0))
    covariance = np.zeros(36)
    twist = ("geometry_msgs/msg/Twist", {"linear": zero, "angular": zero})
    return "nav_msgs/msg/Odometry", {
        "header": header(time, frame),
        "child_frame_id": child,
        "pose": (
            "geometry_msgs/msg/PoseWithCovariance",
            {"pose": ("geometry_msgs/msg/Pose", pose), "covariance": covariance},
        ),
        "twist": (
            "geometry_msgs/msg/TwistWithCovariance",
            {"twist": twist, "covariance": covariance},
        ),
    }
