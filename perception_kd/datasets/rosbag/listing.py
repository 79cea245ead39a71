"""List of what a bag holds: its topics, with types, rates, times and frames."""

from collections.abc import Iterator
from dataclasses import dataclass

from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.decoding import TF_MESSAGE
from perception_kd.datasets.rosbag.storage import Message
from perception_kd.io.errors import BrokenFileError

_FIRST_WINDOW_NS = 2 * 10**9
_CLOCKS_DIFFER_S = 1.0


@dataclass(frozen=True)
class TopicSummary:
    """A topic of a bag.

    Attributes:
        name: Its name.
        type: Type of its messages.
        count: Number of messages.
        first: Recording time of the first message in s since the start of the bag; None
            if there is none that can be read.
        last: The same of the last message.
        frames: Frames of the first message: of its header, or ``parent -> child``.
        delay: Recording time minus stamp of the first message in s; None without a
            stamp.
    """

    name: str
    type: str
    count: int
    first: float | None = None
    last: float | None = None
    frames: tuple[str, ...] = ()
    delay: float | None = None

    @property
    def rate_hz(self) -> float | None:
        """Messages per second; None if there are fewer than two."""
        if self.first is None or self.last is None or self.last <= self.first:
            return None
        return (self.count - 1) / (self.last - self.first)


def summarize(bag: Bag) -> list[TopicSummary]:
    """Return the description of a bag, sorted by topic.

    Only the first and the last messages of a topic are read.
    """
    return [_summarize(bag, *key, count) for key, count in bag.counts.items()]


def format_summary(bag: Bag, topics: list[TopicSummary]) -> str:
    """Return a table of topics, as text of several lines."""
    head = ("topic", "type", "count", "Hz", "first s", "last s", "frame")
    rows = [head, *map(_row, topics)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.insert(0, f"{bag}: {bag.duration_s:.1f} s, {sum(bag.counts.values())} messages\n")
    lines += [""] if len(topics) else []
    lines += [_describe_clock(x) for x in topics if _has_other_clock(x)]
    return "\n".join([*lines, *bag.losses]).rstrip() + "\n"


def _summarize(bag: Bag, name: str, message_type: str, count: int) -> TopicSummary:
    first = next(_messages(bag, name, message_type, bag.start, bag.stop), None)
    last = _find_last(bag, name, message_type)
    if first is None or last is None:
        return TopicSummary(name, message_type, count)
    since = [(message.time - bag.start) / 1e9 for message in (first, last)]
    frames, delay = _read_frames(first)
    return TopicSummary(name, message_type, count, since[0], since[1], frames, delay)


def _messages(bag: Bag, name: str, message_type: str, start: int, stop: int) -> Iterator[Message]:
    return (x for x in bag.read([name], start, stop) if x.type == message_type)


def _find_last(bag: Bag, name: str, message_type: str) -> Message | None:
    """Return the last message, looking farther and farther back from the end."""
    stop, window = bag.stop, _FIRST_WINDOW_NS
    while stop > bag.start:
        start = max(stop - window, bag.start)
        last = None
        for message in _messages(bag, name, message_type, start, stop):
            last = message
        if last is not None:
            return last
        stop, window = start, 4 * window
    return None


def _read_frames(message: Message) -> tuple[tuple[str, ...], float | None]:
    """Return the frames of a message, and its delay in s."""
    try:
        if message.type == TF_MESSAGE:
            pairs = [(x.header.frame_id, x.child_frame_id) for x in message.decode().transforms]
            return tuple(f"{parent} -> {child}" for parent, child in pairs), None
        if message.decoder.has_header(message.type):
            stamp, frame = message.header()
            return (frame,), (message.time - stamp) / 1e9
    except BrokenFileError:
        return ("(damaged)",), None
    return (), None


def _row(topic: TopicSummary) -> tuple[str, ...]:
    numbers = (topic.rate_hz, topic.first, topic.last)
    texts = ["-" if number is None else f"{number:.1f}" for number in numbers]
    frames = ", ".join(topic.frames) or "-"
    return topic.name, topic.type, str(topic.count), *texts, frames


def _has_other_clock(topic: TopicSummary) -> bool:
    return topic.delay is not None and abs(topic.delay) > _CLOCKS_DIFFER_S


def _describe_clock(topic: TopicSummary) -> str:
    side = "before" if topic.delay is not None and topic.delay > 0 else "after"
    return f"{topic.name} is stamped {abs(topic.delay or 0):.1f} s {side} it was recorded."
