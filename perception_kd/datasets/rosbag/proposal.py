"""A command line for a bag, from what it holds."""

import shlex
from dataclasses import replace

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.decoding import CLOUD
from perception_kd.datasets.rosbag.sensors import first_message, read_setup
from perception_kd.datasets.rosbag.settings import NO_POSES, ExtractionSettings
from perception_kd.datasets.rosbag.topics import Topics, choose_topics, topics_of

_EVERY = "0.5s"


def propose_command(bag: Bag) -> str:
    """Return a command line that converts a bag, and what stands in its way.

    Of several LiDARs it has the one with most bytes per sweep.

    Returns:
        Lines of text; without a command if there are no points.
    """
    clouds = topics_of(bag, (CLOUD,))
    if not clouds:
        return "Nothing to convert: there is no PointCloud2.\n"
    lidar = max(clouds, key=lambda topic: len(first_message(bag, topic).data))
    settings = ExtractionSettings(lidar=lidar)
    faults = []
    try:
        topics = choose_topics(bag, settings)
    except ValueError as error:
        faults.append(str(error))
        settings = replace(settings, cameras=())
        topics = choose_topics(bag, settings)
    poses = NO_POSES
    try:
        setup = read_setup(bag, topics, settings)
        poses = NO_POSES if setup.poses is None else setup.poses.option
    except ValueError as error:
        faults.append(str(error))
    lines = [f"To solve first: {fault}" for fault in faults]
    lines += topics.remarks
    return "\n".join([*lines, "To convert it:", f"  {_make_command(bag, topics, poses)}\n"])


def _make_command(bag: Bag, topics: Topics, poses: str) -> str:
    words = ["python", "tools/create_data.py", "rosbag", "--bag", *map(str, bag.paths)]
    words += ["--out-dir", "OUT", "--lidar", topics.lidar]
    cameras = [f"{camera.image}={camera.name}" for camera in topics.cameras]
    words += ["--camera", *cameras] if cameras else ["--no-cameras"]
    return shlex.join([*words, "--poses", poses, "--every", _EVERY])
