"""Choose the topics of a bag that are its sensors."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.camera_info import is_rectified
from perception_kd.datasets.rosbag.decoding import (
    CAMERA_INFO,
    CLOUD,
    COMPRESSED_IMAGE,
    IMAGE,
)
from perception_kd.datasets.rosbag.settings import ExtractionSettings

_COMPRESSED = "/compressed"
_NO_IMAGES = re.compile(r"depth|theora|mask|debug|disparity", re.IGNORECASE)


@dataclass(frozen=True)
class CameraTopics:
    """The topics of a camera.

    Attributes:
        name: Name of the camera.
        image: Topic of its images.
        type: Their type.
        info: Topic of its calibration.
    """

    name: str
    image: str
    type: str
    info: str


@dataclass(frozen=True)
class Topics:
    """The topics of the sensors.

    Attributes:
        lidar: Topic of the LiDAR.
        cameras: Topics of the cameras.
        remarks: Sentences on topics that are left out.
    """

    lidar: str
    cameras: tuple[CameraTopics, ...]
    remarks: tuple[str, ...] = ()


def choose_topics(bag: Bag, settings: ExtractionSettings) -> Topics:
    """Choose the topics of the sensors.

    Raises:
        ValueError: If one that is asked for is missing, or there is no clear choice.
    """
    lidar = _choose_lidar(bag, settings.lidar)
    infos = dict(settings.camera_infos)
    for topic, info in infos.items():
        check_topic(bag, "--camera-info", topic, (IMAGE, COMPRESSED_IMAGE))
        check_topic(bag, "--camera-info", info, (CAMERA_INFO,))
    if settings.cameras is not None:
        return Topics(lidar, tuple(_name_cameras(bag, settings.cameras, infos)))
    images = [x for x in topics_of(bag, (IMAGE, COMPRESSED_IMAGE)) if not _NO_IMAGES.search(x)]
    found = {topic: infos.get(topic) or _find_info(bag, topic) for topic in images}
    blind = [topic for topic, info in found.items() if info is None]
    if blind and len(blind) == len(found):
        raise ValueError(_no_info(bag, blind[0]))
    remarks = [f"{topic} is left out: it has no CameraInfo." for topic in blind]
    if not images:
        remarks.append(_no_images(bag))
    cameras = dict[str, str]()  # one topic of images for each calibration
    for topic in sorted(filter(found.get, found), key=_rank):
        first = cameras.setdefault(str(found[topic]), topic)
        if first != topic:
            remarks.append(f"{topic} is left out: it is of the same camera as {first}.")
    chosen = [(topic, "") for topic in sorted(cameras.values())]
    return Topics(lidar, tuple(_name_cameras(bag, chosen, infos)), tuple(remarks))


def topics_of(bag: Bag, types: Iterable[str]) -> list[str]:
    """Return the topics of some types that have messages."""
    return [topic for (topic, kind), count in bag.counts.items() if kind in types and count]


def check_topic(bag: Bag, option: str, topic: str, types: Sequence[str]) -> str:
    """Return the type of a topic.

    Raises:
        ValueError: If there is no such topic, it has another type, or no message.
    """
    kinds = {kind: count for (name, kind), count in bag.counts.items() if name == topic}
    usable = [kind for kind in kinds if kind in types]
    if usable and kinds[usable[0]]:
        return usable[0]
    others = topics_of(bag, types)
    if usable:
        fault = f"{topic} has no message in {bag}"
    elif kinds:
        fault = f"{topic} is of type {next(iter(kinds))}, not {' or '.join(types)}"
    else:
        fault = f"there is no topic {topic} in {bag}"
    near = difflib.get_close_matches(topic, others, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"{option}: {fault}; {hint}there are {', '.join(others) or 'none to choose'}.")


def _choose_lidar(bag: Bag, given: str) -> str:
    if given:
        check_topic(bag, "--lidar", given, (CLOUD,))
        return given
    clouds = topics_of(bag, (CLOUD,))
    if len(clouds) == 1:
        return clouds[0]
    if clouds:
        raise ValueError(
            f"{bag} has {len(clouds)} topics of point clouds; choose one by --lidar: "
            f"{', '.join(clouds)}."
        )
    packets = [
        f"{x} ({kind})" for x, kind in bag.counts if re.search("scan|packet|livox", x + kind)
    ]
    hint = ""
    if packets:
        hint = f"; play the bag through the driver of {packets[0]}, and record what it publishes"
    raise ValueError(f"{bag} has no message of {CLOUD}{hint}; see them with --list.")


def _name_cameras(
    bag: Bag, topics: Sequence[tuple[str, str]], infos: dict[str, str]
) -> Iterable[CameraTopics]:
    proposed = propose_names([topic for topic, _ in topics])
    names = [name or proposed[topic] for topic, name in topics]
    for (topic, _), name in zip(topics, names, strict=True):
        kind = check_topic(bag, "--camera", topic, (IMAGE, COMPRESSED_IMAGE))
        info = infos.get(topic) or _find_info(bag, topic)
        if info is None:
            raise ValueError(_no_info(bag, topic))
        if names.count(name) > 1:
            raise ValueError(f"--camera: two cameras are named {name}; name them by TOPIC=NAME.")
        yield CameraTopics(name, topic, kind, info)


def propose_names(topics: Sequence[str]) -> dict[str, str]:
    """Return a name by topic: the last part that tells them apart."""
    parts = {topic: _base(topic).strip("/").split("/") for topic in topics}
    short = {topic: part[-2] if len(part) > 1 else part[0] for topic, part in parts.items()}
    if len({*short.values()}) < len(short):
        short = {topic: "_".join(part[:-1] or part) for topic, part in parts.items()}
    if len({*short.values()}) < len(short):
        short = {topic: "_".join(part) for topic, part in parts.items()}
    return {topic: re.sub(r"[^A-Za-z0-9_-]", "_", name) for topic, name in short.items()}


def _base(topic: str) -> str:
    return topic.removesuffix(_COMPRESSED)


def _find_info(bag: Bag, topic: str) -> str | None:
    """Return the topic of the calibration beside a topic of images."""
    infos, folder = topics_of(bag, (CAMERA_INFO,)), _base(topic)
    for _ in range(3):
        if f"{folder}/camera_info" in infos:
            return f"{folder}/camera_info"
        folder = folder.rpartition("/")[0]
    return None


def _no_info(bag: Bag, topic: str) -> str:
    infos = topics_of(bag, (CAMERA_INFO,))
    if infos:
        return (
            f"{topic} has no CameraInfo beside it; name one by --camera-info {topic}=INFO of "
            f"{', '.join(infos)}."
        )
    return (
        f"{bag} has no CameraInfo, and so no calibration of {topic}; record it, or take the points "
        "alone by --no-cameras."
    )


def _no_images(bag: Bag) -> str:
    videos = [
        f"{x} ({kind})"
        for x, kind in bag.counts
        if re.search("video|ffmpeg|h26", (x + kind).lower())
    ]
    hint = f"; {videos[0]} must be decoded to images first" if videos else ""
    return f"No cameras: there is no topic of {IMAGE} or {COMPRESSED_IMAGE}{hint}."


def _rank(topic: str) -> tuple[bool, bool, int, str]:
    """Return a key that sorts raw images before undistorted and compressed ones."""
    return is_rectified(topic), topic.endswith(_COMPRESSED), len(topic), topic
