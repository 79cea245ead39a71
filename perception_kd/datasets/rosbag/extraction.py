"""One pass over a bag that writes its sweeps with the images nearest in time."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.clouds import encode_pcd, read_cloud
from perception_kd.datasets.rosbag.decoding import IMAGE
from perception_kd.datasets.rosbag.pairing import PATIENCE_NS, PairedSweep, Pairer, Stamped
from perception_kd.datasets.rosbag.recording import RecordingFolder
from perception_kd.datasets.rosbag.sensors import Setup, read_encoded_image
from perception_kd.datasets.rosbag.settings import ExtractionSettings
from perception_kd.datasets.rosbag.storage import Message
from perception_kd.datasets.rosbag.transform_reading import (
    read_message_transforms,
    transform_topics,
)
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.errors import BrokenFileError

_EARLY_CHECK = 20
# More motion than this between LiDAR and camera is not vibration.
_MAX_MOVED_M, _MAX_TURNED_DEG = 0.01, 0.2


@dataclass
class Extracted:
    """Result of an extraction.

    Attributes:
        num_sweeps: Number of sweeps of keyframes written.
        num_between: Number of sweeps between keyframes written.
        num_images: Number of images written by camera.
        faults: Number of things that were left out, and the reason of the first, by
            what they are.
        moved: Largest shift in m and turn in degrees of each link between the LiDAR and
            a camera.
    """

    num_sweeps: int = 0
    num_between: int = 0
    num_images: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    moved: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add_fault(self, what: str, reason: str, count: int = 1) -> None:
        """Count what is left out.

        Args:
            what: What it is, in the plural.
            reason: Why; that of the first is kept.
            count: How many there are.
        """
        before, first = self.faults.get(what, (0, reason))
        self.faults[what] = before + count, first

    def remarks(self, setup: Setup) -> list[str]:
        """Return sentences on what was left out or looks wrong."""
        remarks = [
            f"{count:,} {what} left out: {reason}." for what, (count, reason) in self.faults.items()
        ]
        for camera in setup.cameras:
            absent = self.num_sweeps - self.num_images[camera.topics.name]
            if absent:
                remarks.append(
                    f"{camera.topics.name} ({camera.topics.image}) has no image near enough in "
                    f"time to {absent} of {self.num_sweeps} sweeps; see --tolerance."
                )
        for link, (shift, turn) in self.moved.items():
            if shift > _MAX_MOVED_M or turn > _MAX_TURNED_DEG:
                remarks.append(
                    f"The transform {link} between LiDAR and cameras moves by {shift:.3f} m and "
                    f"{turn:.2f} degrees; the first one is used for the whole recording."
                )
        return remarks


class Extractor:
    """Writes one bag as a folder.

    Args:
        bag: The bag.
        setup: Its sensors.
        settings: What is taken from it.
        folder: Where it goes.
    """

    def __init__(
        self, bag: Bag, setup: Setup, settings: ExtractionSettings, folder: RecordingFolder
    ) -> None:
        self._bag, self._setup, self._settings, self._folder = bag, setup, settings, folder
        names = [camera.topics.name for camera in setup.cameras]
        between = settings.keeps_between(setup.poses is not None)
        self._pairer = Pairer(names, settings.tolerance, settings.every, keeps_between=between)
        self._camera_of = {camera.topics.image: camera for camera in setup.cameras}
        self._watched = {link for camera in setup.cameras for link in camera.links}
        self._start = bag.start + settings.start
        length = bag.stop - self._start if settings.duration is None else settings.duration
        self._stop = min(bag.stop, self._start + length)
        self._left_out: set[str] = set()
        self.result = Extracted()

    def run(self, progress: bool = True) -> Extracted:
        """Read the bag and write the files.

        Raises:
            ValueError: If no sweep, or no image of a camera, can be used.
        """
        static, moving = transform_topics(self._bag)
        poses = self._setup.poses
        follows = poses is not None and (poses.chain.histories or self._watched)
        topics = {self._setup.lidar, *self._camera_of, *(moving if follows else ())}
        if poses is not None and poses.odometry:
            topics.add(poses.odometry)
        seconds = (self._stop - self._start) / 1e9
        first, last = self._start - PATIENCE_NS, self._stop + PATIENCE_NS
        total = round(seconds, 1)
        with tqdm(total=total, unit="s", desc="bag", disable=not progress) as bar:
            for message in self._bag.read(topics - {*static}, max(first, 0), last):
                self._take(message)
                self._write_ready()
                # Set, as a sum of steps may exceed the total by rounding.
                bar.n = min(max(round((message.time - self._start) / 1e9, 1), 0.0), total)
                bar.update(0)
        self._write_ready(at_end=True)
        if self._pairer.num_disordered:
            reason = "their stamps are not later than those before"
            self.result.add_fault("sweeps out of order", reason, self._pairer.num_disordered)
        self._check()
        return self.result

    def _take(self, message: Message) -> None:
        camera = self._camera_of.get(message.topic)
        try:
            if message.topic == self._setup.lidar:
                if self._start <= message.time < self._stop:
                    self._pairer.add_sweep(_read_stamp(message))
            elif camera is not None:
                self._pairer.add_image(camera.topics.name, _read_stamp(message))
            else:
                self._take_motion(message)
        except BrokenFileError as error:
            self.result.add_fault(f"messages of {message.topic}", str(error))

    def _take_motion(self, message: Message) -> None:
        poses = self._setup.poses
        if poses is not None:
            poses.take(message)
        if not self._watched or (poses is not None and message.topic == poses.odometry):
            return
        for transform in read_message_transforms(message, self._setup.tree.faults):
            if transform.link in self._watched:
                first = self._setup.tree.child2parent(transform.link)
                change = invert_rigid(first) @ transform.child2parent
                turn = np.rad2deg(Rotation.from_matrix(change[:3, :3]).magnitude())
                before = self.result.moved.get(str(transform.link), (0.0, 0.0))
                shift = float(np.linalg.norm(change[:3, 3]))
                self.result.moved[str(transform.link)] = (
                    max(before[0], shift),
                    max(before[1], float(turn)),
                )

    def _write_ready(self, at_end: bool = False) -> None:
        poses = self._setup.poses
        knows = (lambda stamp: True) if poses is None else poses.chain.knows
        for group in self._pairer.pop(knows, at_end=at_end):
            self._write(group)
            if self.result.num_sweeps == _EARLY_CHECK:
                self._check()

    def _write(self, group: PairedSweep) -> None:
        stamp, poses = group.sweep.stamp, self._setup.poses
        if poses is not None and poses.chain.lidar2world(stamp) is None:
            self._leave_out(group, f"{poses.about} has no pose near their time")
            return
        try:
            cloud = read_cloud(group.sweep.message.decode())
        except BrokenFileError as error:
            self.result.add_fault(f"messages of {self._setup.lidar}", str(error))
            return
        if cloud.num_dropped:
            reason = "they are NaN, infinite or at the sensor"
            self.result.add_fault("points", reason, cloud.num_dropped)
        if not len(cloud.points):
            self.result.add_fault("sweeps without points", "no point has a return")
            return
        if "intensity" in (cloud.points.dtype.names or ()):
            self._folder.take_intensities(cloud.points["intensity"])
        self._folder.write_sweep(stamp, encode_pcd(cloud.points))
        for known in (stamp, *(image.stamp for image in group.images.values())):
            pose = None if poses is None else poses.chain.lidar2world(known)
            if pose is not None:
                self._folder.take_pose(known, pose)
        if not group.is_keyframe:
            self.result.num_between += 1
            return
        self.result.num_sweeps += 1
        for camera, image in group.images.items():
            self._write_image(camera, image)

    def _leave_out(self, group: PairedSweep, reason: str) -> None:
        """Count a sweep that has no pose, and the images that go with it."""
        self.result.add_fault("sweeps without a pose", reason)
        if group.images:
            reason = "each goes with its sweep"
            self.result.add_fault("images of sweeps without a pose", reason, len(group.images))

    def _write_image(self, camera: str, image: Stamped) -> None:
        message, image_format = image.message, self._settings.image_format
        try:
            is_raw = message.type == IMAGE
            if not (is_raw and self._folder.has_image(camera, image.stamp, f".{image_format}")):
                self._folder.write_image(
                    camera, image.stamp, read_encoded_image(message, image_format)
                )
            self.result.num_images[camera] += 1
        except BrokenFileError as error:
            self.result.add_fault(f"messages of {message.topic}", str(error))

    def _check(self) -> None:
        """Refuse a bag of which no sweep or no image of a camera can be used.

        Raises:
            ValueError: If so.
        """
        if not self.result.num_sweeps:
            reasons = " ".join(self.result.remarks(self._setup)) or "none is in this part of it."
            raise ValueError(f"No sweep of {self._setup.lidar} can be used: {reasons}")
        for camera in self._setup.cameras:
            if not self.result.num_images[camera.topics.name]:
                raise ValueError(self._explain_apart(camera.topics.name, camera.topics.image))

    def _explain_apart(self, name: str, topic: str) -> str:
        count, fault = self.result.faults.get(f"messages of {topic}", (0, ""))
        if fault:
            return f"No image of {topic} can be used: {count} messages left out: {fault}."
        gap = self._pairer.nearest.get(name)
        nearest = "more than 2" if gap is None else f"at least {gap / 1e9:.3f}"
        return (
            f"No image of {topic} is within {self._settings.tolerance / 1e9:g} s of a sweep of "
            f"{self._setup.lidar}: they are {nearest} s apart by their stamps. Raise --tolerance, "
            "or leave the camera out; if their clocks differ, --list shows it."
        )


def _read_stamp(message: Message) -> Stamped:
    """Return a message with its stamp.

    Raises:
        BrokenFileError: If its driver did not stamp it.
    """
    stamp = message.header()[0]
    if stamp == 0:
        raise BrokenFileError(
            "its header has the stamp 0; record it again with a driver that stamps it, or "
            "republish it with the time of its measurement"
        )
    return Stamped(stamp, message)
