"""Find motions of points that fit images better, or worse, than the calibration."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from perception_kd.calibration.agreement import FramePairs
from perception_kd.calibration.motions import Motion, list_motions, list_neighbors
from perception_kd.structures import Array

Gains = NDArray[np.float64]  # of a motion by vertical strip of all images, (strips,)


def find_doubt(gains: Gains) -> float:
    """Return the probability of gains by chance, by Student's t over strips.

    Args:
        gains: Gains of a motion, or differences between those of two, shape (strips,);
            zeros are strips without pairs.

    Returns:
        Probability of at least this total if neither is better, in [0, 1].
    """
    gains = gains[gains != 0]
    if len(gains) < 2:
        return 1.0
    ratio = gains.sum() / np.sqrt((gains**2).sum())
    statistic = ratio * np.sqrt((len(gains) - 1) / max(len(gains) - ratio**2, 1e-9))
    return float(student.sf(statistic, len(gains) - 1))


class MotionComparison:
    """Gains of motions on the images of one camera.

    Args:
        compared: Pairs on each image of one camera.
        start: Motion of the points that counts as given, shape (4, 4).

    Attributes:
        gains: Gains of each motion that was tried.
    """

    def __init__(self, compared: Sequence[FramePairs], start: Array) -> None:
        self._compared = compared
        self._start = start
        self._given = self._measure(start)
        self.gains: dict[Motion, Gains] = {}
        for motion in list_motions():
            self.add(motion)

    def add(self, motion: Motion) -> None:
        """Try another motion."""
        self.gains[motion] = self._measure(motion.matrix @ self._start) - self._given

    def find_best(self, *, in_sight: bool = True) -> Motion:
        """Return the motion with the largest gain, its amount refined.

        Args:
            in_sight: Search among all but shifts along the optical axis, which change
                little in an image; if false, among these.
        """
        for motion in list_neighbors(self._largest(in_sight)):
            self.add(motion)
        return self._largest(in_sight)

    def _largest(self, in_sight: bool) -> Motion:
        motions = [motion for motion in self.gains if (motion[:2] != ("shift", 2)) == in_sight]
        return max(motions, key=lambda motion: self.gains[motion].sum())

    def _measure(self, motion: Array) -> Gains:
        return np.concatenate([frame_pairs.gain(motion) for frame_pairs in self._compared])
