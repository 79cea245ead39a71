"""Sweeps with the images nearest in time, from streams that are read once."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from perception_kd.datasets.folder.constants import EARLY
from perception_kd.datasets.rosbag.storage import Message

# A sweep waits so long for images and poses that were recorded after it.
PATIENCE_NS = 2 * 10**9


@dataclass(frozen=True)
class Stamped:
    """A message with the time of its measurement in ns."""

    stamp: int
    message: Message


@dataclass
class PairedSweep:
    """A sweep and the nearest image of each camera that has one.

    Attributes:
        sweep: Message of the LiDAR.
        images: Messages by camera.
        is_keyframe: Whether it gets images; else it is between two keyframes.
    """

    sweep: Stamped
    is_keyframe: bool = True
    images: dict[str, Stamped] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)

    @property
    def last(self) -> int:
        """Latest stamp in ns."""
        return max(item.stamp for item in (self.sweep, *self.images.values()))

    def offer(self, camera: str, image: Stamped, tolerance: int) -> None:
        """Take an image if it is near enough, and nearer than the one before."""
        if not self.is_keyframe:
            return
        gap = abs(image.stamp - self.sweep.stamp)
        best = self.images.get(camera)
        if gap <= tolerance and (best is None or gap < abs(best.stamp - self.sweep.stamp)):
            self.images[camera] = image
        if image.stamp >= self.sweep.stamp:  # later ones are farther away
            self.passed.add(camera)


class Pairer:
    """Pairs sweeps with images while a recording is read.

    Memory holds the images of a short time only: those that a sweep to come may need,
    and one per camera and waiting sweep.

    Args:
        cameras: Names of the cameras.
        tolerance: Longest time between a sweep and an image in ns.
        every: Shortest time between two keyframes in ns.
        keeps_between: Whether the sweeps between two keyframes are taken, too.

    Attributes:
        num_disordered: Number of sweeps that were left out since they are not later
            than the one before.
        nearest: Shortest time in ns between a sweep and an image by camera.
    """

    def __init__(
        self, cameras: Sequence[str], tolerance: int, every: int, *, keeps_between: bool = False
    ) -> None:
        self._tolerance, self._every = tolerance, int(every * EARLY)
        self._keeps_between = keeps_between
        self._recent = {camera: deque[Stamped]() for camera in cameras}
        self._waiting = deque[PairedSweep]()
        self._last: int | None = None
        self._newest = 0
        self.num_disordered = 0
        self.nearest: dict[str, int] = {}

    def add_sweep(self, sweep: Stamped) -> bool:
        """Take a sweep; return whether it makes a group."""
        self._newest = sweep.message.time
        if self._last is not None:
            step = sweep.stamp - self._last
            if step <= 0 and step > -PATIENCE_NS:  # a clock that is set back starts over
                self.num_disordered += 1
                return False
            if 0 < step < self._every:
                if self._keeps_between:
                    self._waiting.append(PairedSweep(sweep, is_keyframe=False))
                return self._keeps_between
        self._last = sweep.stamp
        group = PairedSweep(sweep)
        for camera, images in self._recent.items():
            for image in images:
                self._offer(group, camera, image)
        self._waiting.append(group)
        self._forget()
        return True

    def add_image(self, camera: str, image: Stamped) -> None:
        """Take an image."""
        self._newest = image.message.time
        for group in self._waiting:
            self._offer(group, camera, image)
        self._recent[camera].append(image)
        self._forget()

    def pop(
        self, is_known: Callable[[int], bool], *, at_end: bool = False
    ) -> Iterator[PairedSweep]:
        """Yield groups that no message to come can change, in the order of sweeps.

        Args:
            is_known: Whether the pose at a stamp is known.
            at_end: Whether there are no more messages.
        """
        while self._waiting:
            group = self._waiting[0]
            has_all = not group.is_keyframe or group.passed.issuperset(self._recent)
            complete = has_all and is_known(group.last)
            late = self._newest - group.sweep.message.time > PATIENCE_NS
            if not (complete or late or at_end):
                return
            yield self._waiting.popleft()

    def _offer(self, group: PairedSweep, camera: str, image: Stamped) -> None:
        gap = abs(image.stamp - group.sweep.stamp)
        self.nearest[camera] = min(gap, self.nearest.get(camera, gap))
        group.offer(camera, image, self._tolerance)

    def _forget(self) -> None:
        """Drop images that no sweep to come can need."""
        oldest = self._newest - PATIENCE_NS
        earliest = None if self._last is None else self._last + self._every - self._tolerance
        for images in self._recent.values():
            while images and (
                images[0].message.time < oldest
                or (earliest is not None and images[0].stamp < earliest)
            ):
                images.popleft()
