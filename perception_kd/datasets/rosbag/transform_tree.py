"""The frames of a recording, and the transforms between them."""

import difflib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.rosbag.decoding import clean_frame, stamp_ns
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

_MOST_NAMED = 12


@dataclass(frozen=True)
class Link:
    """A frame and the one that it is given in.

    Attributes:
        child: Name of the frame.
        parent: Name of the frame above.
    """

    child: str
    parent: str

    def __str__(self) -> str:
        return f"{self.parent} -> {self.child}"


@dataclass(frozen=True)
class StampedTransform:
    """One transform of a message.

    Attributes:
        link: Its frames.
        stamp: When it was measured in ns.
        translation: Position of the child in the parent in m, shape (3,).
        quaternion: Rotation of ``child2parent`` as x, y, z, w, shape (4,).
    """

    link: Link
    stamp: int
    translation: Array
    quaternion: Array

    @property
    def child2parent(self) -> Array:
        """The transform, shape (4, 4)."""
        return make_rigid(Rotation.from_quat(self.quaternion).as_matrix(), self.translation)


def read_transforms(message: Any, faults: set[str]) -> Iterator[StampedTransform]:
    """Yield the transforms of a TFMessage.

    Args:
        message: The message.
        faults: Gets a sentence on each that is not a rigid transform: drivers send such
            for frames that they do not know.
    """
    for item in message.transforms:
        link = Link(clean_frame(item.child_frame_id), clean_frame(item.header.frame_id))
        place, turn = item.transform.translation, item.transform.rotation
        try:
            yield make_stamped(link, stamp_ns(item.header.stamp), place, turn)
        except BrokenFileError as error:
            faults.add(str(error))


def make_stamped(link: Link, stamp: int, place: Any, turn: Any) -> StampedTransform:
    """Return a transform from a vector and a quaternion of ROS.

    Args:
        link: Parent and child frame.
        stamp: Time in ns.
        place: Translation in m, with fields x, y, z.
        turn: Unit quaternion, with fields x, y, z, w.

    Raises:
        BrokenFileError: If it is not a rigid transform.
    """
    translation = np.array([place.x, place.y, place.z], float)
    quaternion = np.array([turn.x, turn.y, turn.z, turn.w], float)
    norm = float(np.linalg.norm(quaternion))
    if not np.isfinite(translation).all() or not abs(norm - 1) < 0.05:
        raise BrokenFileError(
            f"the transform {link} has the translation {translation.tolist()} and a quaternion of "
            f"length {norm:.3g}, which is not a rotation"
        )
    return StampedTransform(link, stamp, translation, quaternion)


class TransformTree:
    """Links between the frames of a recording, each with its first transform.

    Attributes:
        faults: Sentences on transforms that cannot be used.
    """

    def __init__(self) -> None:
        self._first: dict[Link, Array] = {}
        self._static: set[Link] = set()
        self.faults: set[str] = set()

    def add(self, transform: StampedTransform, is_static: bool) -> None:
        """Take a transform, unless its link has one already."""
        self._first.setdefault(transform.link, transform.child2parent)
        if is_static:
            self._static.add(transform.link)

    @property
    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        return sorted({name for link in self._first for name in (link.child, link.parent)})

    def is_static(self, link: Link) -> bool:
        """Return whether a link never changes."""
        return link in self._static

    def child2parent(self, link: Link) -> Array:
        """Return the first transform of a link, shape (4, 4)."""
        return self._first[link]

    def find_chain(self, source: str, target: str) -> list[Link] | None:
        """Return the links from one frame to another in order, or None."""
        came: dict[str, tuple[str, Link]] = {source: (source, Link("", ""))}
        waiting = deque([source])
        while waiting and target not in came:
            frame = waiting.popleft()
            for link in self._first:
                other = {link.child: link.parent, link.parent: link.child}.get(frame)
                if other is not None and other not in came:
                    came[other] = frame, link
                    waiting.append(other)
        if target not in came:
            return None
        chain = []
        while target != source:
            target, link = came[target]
            chain.append(link)
        return chain[::-1]

    def find_source2target(self, source: str, target: str) -> Array | None:
        """Return the transform between two frames, (4, 4); None if there is none.

        It is made of the first transform of each link.
        """
        chain = self.find_chain(source, target)
        return None if chain is None else compose(chain, source, self.child2parent)

    def explain_missing(self, source: str, target: str) -> str:
        """Return why there is no chain of transforms between two frames."""
        text = self._explain(source, target)
        return f"{text} ({min(self.faults)})" if self.faults else text

    def _explain(self, source: str, target: str) -> str:
        known = self.frames
        for name in (source, target):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" (near: {near[0]})" if near else ""
                return f"no transform has the frame {name!r}{hint}; there are {_join(known)}"
        sides = [self._connected(name) for name in (source, target)]
        return (
            f"no transform leads from {source!r}, which is connected with {_join(sides[0])}, to "
            f"{target!r}, which is connected with {_join(sides[1])}"
        )

    def _connected(self, source: str) -> list[str]:
        others = [name for name in self.frames if name != source]
        return [name for name in others if self.find_chain(source, name) is not None]


def compose(chain: Iterable[Link], source: str, child2parent: Callable[[Link], Array]) -> Array:
    """Return the transform from a frame along a chain, shape (4, 4).

    Args:
        chain: Links in their order.
        source: The frame where the chain begins.
        child2parent: Gives the transform of a link, (4, 4).
    """
    source2here, here = np.eye(4), source
    for link in chain:
        step = child2parent(link)
        if here == link.child:
            source2here, here = step @ source2here, link.parent
        else:
            source2here, here = invert_rigid(step) @ source2here, link.child
    return source2here


def _join(names: list[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more]) or "none"
