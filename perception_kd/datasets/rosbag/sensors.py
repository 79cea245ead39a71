"""Sensors of a bag: frames, calibrations, places, and poses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.camera_info import (
    CameraModel,
    is_rectified,
    read_camera_info,
)
from perception_kd.datasets.rosbag.clouds import Cloud, read_cloud
from perception_kd.datasets.rosbag.decoding import COMPRESSED_IMAGE
from perception_kd.datasets.rosbag.images import EncodedImage, encode_raw, keep_compressed
from perception_kd.datasets.rosbag.pose_sources import PoseSource, find_poses
from perception_kd.datasets.rosbag.settings import ExtractionSettings
from perception_kd.datasets.rosbag.storage import Message
from perception_kd.datasets.rosbag.topics import CameraTopics, Topics
from perception_kd.datasets.rosbag.transform_reading import read_tree
from perception_kd.datasets.rosbag.transform_tree import Link, TransformTree
from perception_kd.geometry.rigid import make_rigid
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class CameraSetup:
    """A camera of a bag.

    Attributes:
        topics: Its topics.
        frame: Name of its frame.
        calibration: How it maps its frame to its images.
        lidar2cam: From the LiDAR, shape (4, 4).
        links: Links between both that were not recorded as static.
        first: Its first image.
    """

    topics: CameraTopics
    frame: str
    calibration: CameraModel
    lidar2cam: Array
    links: tuple[Link, ...]
    first: EncodedImage


@dataclass(frozen=True)
class Setup:
    """The sensors of a bag.

    Attributes:
        lidar: Topic of the LiDAR.
        lidar_frame: Name of its frame.
        cameras: The cameras.
        poses: Where poses come from; None if there are none.
        no_poses: Why there are none.
        tree: All frames.
        first: The first sweep.
    """

    lidar: str
    lidar_frame: str
    cameras: tuple[CameraSetup, ...]
    poses: PoseSource | None
    no_poses: str
    tree: TransformTree
    first: Cloud


def read_setup(bag: Bag, topics: Topics, settings: ExtractionSettings) -> Setup:
    """Read the first message of each topic, and the transforms between the sensors.

    Raises:
        BrokenFileError: If a message cannot be used.
        ValueError: If transforms are missing.
    """
    message = first_message(bag, topics.lidar)
    frames = dict(settings.frames)
    lidar_frame = frames.get(topics.lidar) or _use(message, lambda x: x.header()[1])
    first = _use(message, lambda x: read_cloud(x.decode()))
    read = [_read_camera(bag, camera, frames, settings) for camera in topics.cameras]
    wanted = [(lidar_frame, frame) for frame, _, _ in read]
    tree = read_tree(bag, wanted)
    cameras = [
        _place(tree, lidar_frame, camera, *values)
        for camera, values in zip(topics.cameras, read, strict=True)
    ]
    poses, reason = find_poses(bag, tree, lidar_frame, settings.poses)
    return Setup(topics.lidar, lidar_frame, tuple(cameras), poses, reason, tree, first)


def read_encoded_image(message: Message, image_format: str) -> EncodedImage:
    """Return the file of an image.

    Args:
        message: An Image or CompressedImage.
        image_format: "png" or "jpg" for one that is not compressed.

    Raises:
        BrokenFileError: If it cannot be used.
    """
    if message.type == COMPRESSED_IMAGE:
        return keep_compressed(message.decode())
    return encode_raw(message.decode(), image_format)


def first_message(bag: Bag, topic: str) -> Message:
    """Return the first message of a topic.

    Raises:
        BrokenFileError: If none can be read.
    """
    message = next(bag.read([topic]), None)
    if message is None:
        raise BrokenFileError(f"{bag}: no message of {topic} can be read; {_join(bag.losses)}")
    return message


def _use(message: Message, read: Callable[[Message], ValueT]) -> ValueT:
    """Return what a function makes of a message, or name the message."""
    try:
        return read(message)
    except BrokenFileError as error:
        raise BrokenFileError(
            f"{message.topic}: its first message cannot be used: {error}."
        ) from error


def _read_camera(
    bag: Bag, camera: CameraTopics, frames: dict[str, str], settings: ExtractionSettings
) -> tuple[str, CameraModel, EncodedImage]:
    """Return frame, calibration and first image of a camera."""
    image, info = first_message(bag, camera.image), first_message(bag, camera.info)
    frame = frames.get(camera.image) or _use(image, lambda x: x.header()[1])
    frame = frame or _use(info, lambda x: x.header()[1])
    rectified = is_rectified(camera.image)
    calibration = _use(info, lambda x: read_camera_info(x.decode(), rectified))
    first = _use(image, lambda x: read_encoded_image(x, settings.image_format))
    ratios = [
        seen / known for seen, known in zip(first.size, calibration.size, strict=True) if known
    ]
    if len(ratios) == 2 and abs(ratios[0] / ratios[1] - 1) > 0.01:
        raise BrokenFileError(
            f"{camera.image} has images of {first.size[0]}x{first.size[1]} px, but {camera.info} "
            f"is of {calibration.size[0]}x{calibration.size[1]} px, another shape: it is of "
            "another camera, or the images are cropped; name the right one by --camera-info."
        )
    return frame, calibration, first


def _place(
    tree: TransformTree,
    lidar_frame: str,
    camera: CameraTopics,
    frame: str,
    calibration: CameraModel,
    first: EncodedImage,
) -> CameraSetup:
    chain = tree.find_chain(lidar_frame, frame)
    lidar2frame = tree.find_source2target(lidar_frame, frame)
    if chain is None or lidar2frame is None:
        raise ValueError(
            f"{camera.image} has no place relative to the LiDAR: "
            f"{tree.explain_missing(lidar_frame, frame)}. Record /tf_static, or name the frames by "
            f"--frame {camera.image}=FRAME."
        )
    lidar2cam = make_rigid(calibration.frame2cam, np.zeros(3)) @ lidar2frame
    links = tuple(link for link in chain if not tree.is_static(link))
    return CameraSetup(camera, frame, calibration, lidar2cam, links, first)


def _join(sentences: list[str]) -> str:
    return " ".join(sentences) or "record it again"
