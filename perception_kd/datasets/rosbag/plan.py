"""Plan of an extraction, and check that there is space for it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.sensors import Setup
from perception_kd.datasets.rosbag.settings import ExtractionSettings


def check_space(bag: Bag, setup: Setup, settings: ExtractionSettings, out_dir: Path) -> str:
    """Return a sentence on the space that an extraction needs.

    It is estimated from the first message of each sensor.

    Raises:
        ValueError: If that is not free.
    """
    count = sum(number for (topic, _), number in bag.counts.items() if topic == setup.lidar)
    seconds = bag.duration_s
    part = min(seconds - settings.start / 1e9, (settings.duration or bag.stop) / 1e9)
    count = round(count * max(part, 0.0) / seconds) if seconds else count
    keyframes = count
    if settings.every:
        keyframes = min(count, round(part / (settings.every / 1e9)) + 1)
    if not settings.keeps_between(setup.poses is not None):
        count = keyframes
    there = sum(path.stat().st_size for path in out_dir.rglob("*.*") if path.is_file())
    images = sum(len(camera.first.data) for camera in setup.cameras)
    needed = count * setup.first.points.nbytes + keyframes * images
    free = shutil.disk_usage(out_dir).free + there
    text = f"About {count:,} sweeps need {_gigabytes(needed)} in {out_dir}"
    if needed > free:
        raise ValueError(
            f"{text}, where {_gigabytes(free)} are free; free space, choose another --out-dir, or "
            "take less by --every or --duration."
        )
    return f"{text} ({_gigabytes(free)} are free)."


def describe_sweeps(setup: Setup, settings: ExtractionSettings) -> str:
    """Return a sentence on the sweeps between keyframes."""
    if settings.keeps_between(setup.poses is not None):
        return (
            "Sweeps between keyframes are written, too, as earlier sweeps; --no-sweeps leaves "
            "them out."
        )
    return "Only the sweeps of keyframes are written: these have no earlier sweeps."


def describe_setup(setup: Setup, remarks: Sequence[str]) -> list[str]:
    """Return sentences on what is taken from a bag."""
    cameras = [
        f"{camera.topics.name}: {camera.topics.image}, {camera.first.size[0]}x"
        f"{camera.first.size[1]} px, frame {camera.frame}, distortion {camera.calibration.model}"
        for camera in setup.cameras
    ]
    poses = f"none, sweeps stand alone: {setup.no_poses}"
    if setup.poses is not None:
        poses = f"from {setup.poses.about}"
    lidar = f"LiDAR: {setup.lidar}, frame {setup.lidar_frame}"
    if setup.first.left_out:
        lidar += f", without its fields {', '.join(setup.first.left_out)}"
    names = setup.first.points.dtype.names or ()
    missing = []
    if "intensity" not in names:
        missing.append(
            f"{setup.lidar} has no intensity, and 0 is used; its fields are "
            f"{', '.join([*names, *setup.first.left_out])}. If one that is kept is the intensity, "
            "set lidar.intensity in rig.yaml, and run: python tools/create_data.py folder"
        )
    return [lidar, *missing, *cameras, f"poses: {poses}", *remarks]


def describe_source(bag: Bag, settings: ExtractionSettings) -> dict[str, Any]:
    """Return the files and settings of an extraction, as JSON types."""
    stats = [(str(path.absolute()), path.stat()) for path in bag.file_paths]
    return {
        "files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats],
        "settings": settings.as_dict(),
    }


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
