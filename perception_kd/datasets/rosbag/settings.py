"""Options of the extraction of a bag."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from perception_kd.datasets.folder.constants import TOLERANCE_S

_UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
ANY_POSES, NO_POSES = "auto", "none"
RECORDING = "recording"  # folder of what is read, below --out-dir


@dataclass(frozen=True)
class ExtractionSettings:
    """The part of a bag that is taken.

    Attributes:
        lidar: Topic of the LiDAR; empty takes the only one.
        cameras: Topics of images with the name of their camera, which may be empty;
            None takes all that have a calibration.
        camera_infos: Topic of the calibration by topic of images.
        frames: ROS's ``frame_id`` per topic, overriding the message headers.
        poses: "auto", "none", a topic of odometry, or a frame that does not move.
        tolerance: Longest time between a sweep and an image in ns.
        every: Shortest time between two keyframes in ns.
        sweeps: Whether sweeps between keyframes are taken, too, where there are poses.
        computes_poses: Whether poses will be computed from the points.
        start: Time in the bag from which to take sweeps in ns.
        duration: Length of the part to take in ns; None takes all.
        image_format: "png" or "jpg", for images that are not compressed in the bag.
        val_share: Share of the time, at its end, that validates.
    """

    lidar: str = ""
    cameras: tuple[tuple[str, str], ...] | None = None
    camera_infos: tuple[tuple[str, str], ...] = ()
    frames: tuple[tuple[str, str], ...] = ()
    poses: str = ANY_POSES
    tolerance: int = round(TOLERANCE_S * 1e9)
    every: int = 0
    sweeps: bool = True
    computes_poses: bool = False
    start: int = 0
    duration: int | None = None
    image_format: str = "png"
    val_share: float = 0.0

    def keeps_between(self, has_poses: bool) -> bool:
        """Return whether sweeps between keyframes are taken.

        Args:
            has_poses: Whether the bag has poses.
        """
        return bool(self.every) and self.sweeps and (has_poses or self.computes_poses)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        return {
            name: [list(pair) for pair in value] if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def parse_time(option: str, text: str) -> int:
    """Return a length of time, such as "0.5s", "50ms", "2min" or "10" (seconds), in ns.

    Args:
        option: Option that has it, for the error.
        text: The length.

    Raises:
        ValueError: If it is not a length of time.
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", text.strip())
    if match is None or (match[2] or "s") not in _UNITS_NS:
        raise ValueError(f"{option} must be a time such as 0.5s, 50ms or 2min, but is {text!r}.")
    return round(float(match[1]) * _UNITS_NS[match[2] or "s"])


def parse_pair(option: str, text: str, form: str) -> tuple[str, str]:
    """Return the two sides of ``TOPIC=VALUE``.

    Raises:
        ValueError: If a side is missing.
    """
    topic, _, value = text.partition("=")
    if not topic or not value:
        raise ValueError(f"{option} must be {form}, but is {text!r}.")
    return topic, value
