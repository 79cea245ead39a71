"""Weights of pairs in losses on their features, and descriptions of pairs."""

from typing import NamedTuple

from torch import Tensor

from perception_kd.utils.checks import check_shape


class PairWeights(NamedTuple):
    """Weights of M pairs in a loss on pairs of features; None is 1 everywhere.

    Attributes:
        candidates: Weight of the key of pair j as a candidate of anchor i, 0..1, (M,
            M). A pair's own key counts in full, whatever the diagonal says.
        anchors: Weight of each pair's term, not negative, shape (M,).
    """

    candidates: Tensor | None = None
    anchors: Tensor | None = None

    def check(self, num_pairs: int) -> None:
        """Check the shapes.

        Raises:
            ValueError: If they are not of this many pairs.
        """
        if self.candidates is not None:
            check_shape("weights.candidates", self.candidates, (num_pairs, num_pairs))
        if self.anchors is not None:
            check_shape("weights.anchors", self.anchors, (num_pairs,))


class PairDescription(NamedTuple):
    """Facts on M pairs of a batch, from which weights are computed.

    Attributes:
        teacher_feats: Features of the frozen teacher, before any projection, (M, C).
        positions: Positions in LiDAR coordinates of their sample in m, as augmented,
            (M, 3); for regions the mean of their points.
        samples: Sample of the batch, int64, (M,).
        scenes: Scene, numbered in the batch, int64, (M,).
    """

    teacher_feats: Tensor
    positions: Tensor
    samples: Tensor
    scenes: Tensor


def weighted_mean(terms: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of terms (M,), M >= 1, by the weights of their pairs.

    Zero, still attached to the graph, where all weights are zero.
    """
    if weights is None:
        return terms.mean()
    weights = weights.to(terms)
    total = weights.sum()
    return (weights * terms).sum() / total.masked_fill(total == 0, 1.0)
