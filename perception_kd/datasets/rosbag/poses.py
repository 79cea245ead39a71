"""Poses of the LiDAR, interpolated at the times of sweeps."""

import bisect
from collections.abc import Mapping, Sequence

from perception_kd.datasets.folder.constants import MAX_POSE_GAP_S
from perception_kd.datasets.rosbag.transform_tree import Link, StampedTransform, compose
from perception_kd.geometry.interpolation import interpolate_rigid
from perception_kd.structures import Array

_MAX_GAP_NS = round(MAX_POSE_GAP_S * 1e9)
_KEPT_NS = 10 * 10**9


class TransformHistory:
    """Transforms of one link over time; those of the last seconds are kept."""

    def __init__(self) -> None:
        self._stamps: list[int] = []
        self._transforms: list[StampedTransform] = []

    @property
    def newest(self) -> int:
        """Latest stamp in ns; 0 before the first."""
        return self._stamps[-1] if self._stamps else 0

    def add(self, transform: StampedTransform) -> None:
        """Take a transform, in any order; one with a known stamp replaces that."""
        place = bisect.bisect_left(self._stamps, transform.stamp)
        if place < len(self._stamps) and self._stamps[place] == transform.stamp:
            self._transforms[place] = transform
            return
        self._stamps.insert(place, transform.stamp)
        self._transforms.insert(place, transform)
        if self._stamps[-1] - self._stamps[0] > 2 * _KEPT_NS:
            old = bisect.bisect_left(self._stamps, self._stamps[-1] - _KEPT_NS)
            del self._stamps[:old], self._transforms[:old]

    def at(self, stamp: int) -> Array | None:
        """Return the transform at a time, (4, 4), or None.

        It is None before the first and after the last transform, and in a gap of more
        than 1 s.
        """
        after = bisect.bisect_left(self._stamps, stamp)
        if after < len(self._stamps) and self._stamps[after] == stamp:
            return self._transforms[after].child2parent
        if not 0 < after < len(self._stamps):
            return None
        gap = self._stamps[after] - self._stamps[after - 1]
        if gap > _MAX_GAP_NS:
            return None
        pair = self._transforms[after - 1 : after + 1]
        share = (stamp - self._stamps[after - 1]) / gap
        return interpolate_rigid(pair[0].child2parent, pair[1].child2parent, share)


class PoseChain:
    """The chain of transforms from the LiDAR to a frame that does not move.

    Args:
        chain: Its links, from the LiDAR on.
        lidar: Frame of the LiDAR.
        fixed: Transforms of the links that do not move, (4, 4) each.

    Attributes:
        histories: Transforms of the other links over time; whoever reads the recording
            adds to them.
    """

    def __init__(self, chain: Sequence[Link], lidar: str, fixed: Mapping[Link, Array]) -> None:
        self._chain, self._lidar, self._fixed = chain, lidar, fixed
        self.histories = {link: TransformHistory() for link in chain if link not in fixed}

    def knows(self, stamp: int) -> bool:
        """Return whether the pose at a time in ns is final."""
        return all(history.newest >= stamp for history in self.histories.values())

    def lidar2world(self, stamp: int) -> Array | None:
        """Return the pose of the LiDAR at a time in ns, (4, 4); None in a gap."""
        transforms = dict(self._fixed)
        for link, history in self.histories.items():
            moving = history.at(stamp)
            if moving is None:
                return None
            transforms[link] = moving
        return compose(self._chain, self._lidar, transforms.__getitem__)
