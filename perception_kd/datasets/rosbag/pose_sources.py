"""Sources of the poses of a bag."""

from collections.abc import Sequence
from dataclasses import dataclass

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.decoding import ODOMETRY, clean_frame, stamp_ns
from perception_kd.datasets.rosbag.poses import PoseChain
from perception_kd.datasets.rosbag.settings import ANY_POSES, NO_POSES
from perception_kd.datasets.rosbag.storage import Message
from perception_kd.datasets.rosbag.topics import check_topic, topics_of
from perception_kd.datasets.rosbag.transform_reading import read_message_transforms
from perception_kd.datasets.rosbag.transform_tree import (
    Link,
    StampedTransform,
    TransformTree,
    make_stamped,
)

# Usual names of frames that do not move, those without jumps first.
WORLDS = ("odom", "map", "world", "earth")


@dataclass(frozen=True)
class PoseSource:
    """Source of poses.

    Attributes:
        about: What is followed, for the log.
        option: What ``--poses`` names it.
        chain: Links from the LiDAR to a frame that does not move.
        odometry: Topic of the odometry; empty if poses come from transforms.
        moving: The link that the odometry gives, or None.
    """

    about: str
    option: str
    chain: PoseChain
    odometry: str = ""
    moving: Link | None = None

    def take(self, message: Message) -> None:
        """Add what a message of odometry or transforms says."""
        if message.topic == self.odometry:
            transform = _read_odometry(message)
            if transform.link == self.moving:
                self.chain.histories[transform.link].add(transform)
            return
        for transform in read_message_transforms(message, set()):
            if transform.link in self.chain.histories and transform.link != self.moving:
                self.chain.histories[transform.link].add(transform)


def find_poses(
    bag: Bag, tree: TransformTree, lidar_frame: str, asked: str
) -> tuple[PoseSource | None, str]:
    """Find where poses come from.

    Args:
        bag: The bag.
        tree: Its frames.
        lidar_frame: Frame of the LiDAR.
        asked: As ``ExtractionSettings.poses``.

    Returns:
        The source; or None, and why, if none are asked for, or "auto" finds none.

    Raises:
        ValueError: If what is asked for is missing.
    """
    if asked == NO_POSES:
        return None, "none are asked for"
    if asked == ANY_POSES:
        return _find_any(bag, tree, lidar_frame)
    if asked.startswith("/") or (asked, ODOMETRY) in bag.counts:
        check_topic(bag, "--poses", asked, (ODOMETRY,))
        source, fault = _from_odometry(bag, tree, lidar_frame, asked)
    else:
        source, fault = _from_frames(tree, lidar_frame, asked)
    if source is None:
        raise ValueError(f"--poses {asked}: {fault}; choose another source, or --poses none.")
    return source, ""


def _find_any(bag: Bag, tree: TransformTree, lidar_frame: str) -> tuple[PoseSource | None, str]:
    reasons = []
    topics = topics_of(bag, (ODOMETRY,))
    for topic in sorted(topics, key=lambda x: -bag.counts[x, ODOMETRY]):
        source, fault = _from_odometry(bag, tree, lidar_frame, topic)
        if source is not None:
            return source, ""
        reasons.append(f"{topic}: {fault}")
    for world in WORLDS:
        source, _ = _from_frames(tree, lidar_frame, world)
        if source is not None:
            return source, ""
    return None, "; ".join(reasons) or "there is no odometry, and no frame of /tf moves"


def _from_odometry(
    bag: Bag, tree: TransformTree, lidar_frame: str, topic: str
) -> tuple[PoseSource | None, str]:
    """Return a source, or None and why there is none."""
    message = next(bag.read([topic]), None)
    if message is None:
        return None, "no message of it can be read"
    moving = _read_odometry(message).link
    chain = [] if lidar_frame == moving.child else tree.find_chain(lidar_frame, moving.child)
    if chain is None:
        return None, tree.explain_missing(lidar_frame, moving.child)
    poses = _follow(tree, lidar_frame, [*chain, moving], moving)
    return PoseSource(f"{topic} ({moving})", topic, poses, topic, moving), ""


def _from_frames(
    tree: TransformTree, lidar_frame: str, world: str
) -> tuple[PoseSource | None, str]:
    chain = tree.find_chain(lidar_frame, world)
    if chain is None:
        return None, tree.explain_missing(lidar_frame, world)
    poses = _follow(tree, lidar_frame, chain, None)
    if not poses.histories:
        return None, f"no transform between {lidar_frame!r} and {world!r} moves"
    return PoseSource(f"transforms ({lidar_frame} in {world})", world, poses), ""


def _follow(
    tree: TransformTree, lidar_frame: str, chain: Sequence[Link], moving: Link | None
) -> PoseChain:
    fixed = [link for link in chain if link != moving and tree.is_static(link)]
    return PoseChain(chain, lidar_frame, {link: tree.child2parent(link) for link in fixed})


def _read_odometry(message: Message) -> StampedTransform:
    """Return the pose of an Odometry message.

    Raises:
        BrokenFileError: If it is not a rigid transform.
    """
    values = message.decode()
    link = Link(clean_frame(values.child_frame_id), clean_frame(values.header.frame_id))
    pose = values.pose.pose
    return make_stamped(link, stamp_ns(values.header.stamp), pose.position, pose.orientation)
