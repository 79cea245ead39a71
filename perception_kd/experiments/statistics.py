"""Differences between scores over seeds, with their confidence."""

import math
import statistics
from collections.abc import Mapping
from typing import NamedTuple

from scipy.special import stdtrit

LEVEL = 0.95


class PairedDifference(NamedTuple):
    """The mean difference of two sets of scores, seed by seed.

    Attributes:
        mean: Mean difference in points.
        low: Lower end of its confidence interval; None with fewer than two seeds.
        high: Upper end.
        num_seeds: Number of seeds that both have.
    """

    mean: float
    low: float | None
    high: float | None
    num_seeds: int

    @property
    def is_found(self) -> bool:
        """True if the interval is on one side of zero."""
        return self.low is not None and self.high is not None and self.low * self.high > 0

    @property
    def verdict(self) -> str:
        """Finding that the difference allows, in words."""
        if self.low is None:
            return "one seed, so no interval"
        if not self.is_found:
            return "no difference found"
        return "better" if self.mean > 0 else "worse"


def paired_difference(
    scores: Mapping[str, float], baseline: Mapping[str, float], level: float = LEVEL
) -> PairedDifference | None:
    """Compare scores that share their seeds.

    The interval is Student's: mean +- t(n - 1) s / sqrt(n), with the sample standard
    deviation s of the differences of n seeds. A seed draws the data of the training,
    the pre-training and what is not pre-trained, so pairs have most of their noise in
    common, and the interval is that of the difference, not of two means.

    Args:
        scores: Scores by seed.
        baseline: Scores by seed that they are compared with.
        level: Probability that the interval contains the true difference.

    Returns:
        The difference; None without a seed that both have.

    Example:
        >>> found = paired_difference({"0": 3.0, "1": 6.0}, {"0": 2.0, "1": 3.0})
        >>> found.mean, round(found.low, 2), round(found.high, 2)
        (2.0, -10.71, 14.71)
    """
    differences = [scores[seed] - baseline[seed] for seed in scores if seed in baseline]
    if not differences:
        return None
    mean, num = statistics.fmean(differences), len(differences)
    if num < 2:
        return PairedDifference(mean, None, None, num)
    quantile = float(stdtrit(num - 1, (1 + level) / 2))
    half = quantile * statistics.stdev(differences) / math.sqrt(num)
    return PairedDifference(mean, mean - half, mean + half, num)
