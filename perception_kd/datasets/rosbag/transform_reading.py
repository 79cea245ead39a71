"""Reading of the frames of a bag before its sensors."""

from collections.abc import Iterator, Sequence

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.decoding import OLD_TF_MESSAGE, TF_MESSAGE
from perception_kd.datasets.rosbag.storage import Message
from perception_kd.datasets.rosbag.topics import topics_of
from perception_kd.datasets.rosbag.transform_tree import (
    StampedTransform,
    TransformTree,
    read_transforms,
)
from perception_kd.io.errors import BrokenFileError

# Moving links are looked for so long at least, and at most until all frames are found.
_LEAST_NS, _MOST_NS = 5 * 10**9, 60 * 10**9


def transform_topics(bag: Bag) -> tuple[list[str], list[str]]:
    """Return the topics of static transforms, and those of others."""
    topics = topics_of(bag, (TF_MESSAGE, OLD_TF_MESSAGE))
    static = [topic for topic in topics if topic.endswith("tf_static")]
    return static, [topic for topic in topics if topic not in static]


def read_message_transforms(message: Message, faults: set[str]) -> Iterator[StampedTransform]:
    """Yield the transforms of a message.

    Args:
        message: The message.
        faults: Gets a sentence on each that cannot be used, and on a damaged message.
    """
    try:
        values = message.decoder.decode(message.data, TF_MESSAGE)
    except BrokenFileError as error:
        faults.add(f"a message of {message.topic} cannot be used: {error}")
        return
    yield from read_transforms(values, faults)


def read_tree(bag: Bag, wanted: Sequence[tuple[str, str]]) -> TransformTree:
    """Read all static transforms, and others until frames are linked.

    Args:
        bag: The bag.
        wanted: Pairs of frames that are to be linked.
    """
    tree = TransformTree()
    static, others = transform_topics(bag)
    for message in bag.read(static) if static else ():
        for transform in read_message_transforms(message, tree.faults):
            tree.add(transform, is_static=True)
    if not others:
        return tree
    num_frames = -1
    for message in bag.read(others, stop=bag.start + _MOST_NS):
        for transform in read_message_transforms(message, tree.faults):
            tree.add(transform, is_static=False)
        if message.time > bag.start + _LEAST_NS and len(tree.frames) > num_frames:
            num_frames = len(tree.frames)
            if all(tree.find_chain(*pair) is not None for pair in wanted):
                break
    return tree
