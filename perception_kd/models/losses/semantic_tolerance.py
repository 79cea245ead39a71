"""ST-SLidR's weights: fewer false negatives, and balanced rare and common content."""

import math

import torch
from torch import Tensor, nn

from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.models.losses.pair_weights import PairDescription, PairWeights
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


def tolerance_weights(similarity: Tensor, min_quantile: float | None) -> Tensor:
    """Return the weight of each pair among the negatives: small for similar pairs.

    With c the similarity [1]:

        w_ij = 1 - c_ij                                        without ``min_quantile``
        w_ij = 0 if 1 - c_ij < quantile of 1 - c_i over j, else 1               with it

    and w_ii = 1. Row i's quantile includes its own pair, as in the published code.

    - [1] Self-Supervised Image-to-Point Distillation via Semantically Tolerant
      Contrastive Loss, 2023, https://arxiv.org/abs/2301.05709

    Args:
        similarity: Cosine similarities, shape (M, M).
        min_quantile: Share of each row that gets weight 0, in 0..1. It is 0.01 in [1].

    Returns:
        Weights in 0..1, shape (M, M); for ``PairWeights.candidates``.
    """
    check_shape("similarity", similarity, (len(similarity), len(similarity)))
    weights = (1 - similarity).clamp(0, 1)
    if min_quantile is not None and len(weights):
        weights = (weights >= _row_quantile(weights, min_quantile)).to(weights)
    return weights.fill_diagonal_(1.0)


def balance_weights(similarity: Tensor, min_similarity: float) -> Tensor:
    """Return the weight of each anchor: small if it is similar to many others.

    Road and vegetation fill most of an image and would otherwise dominate the loss.
    With c the similarity [1]:

        v_i = sum over j of c_ij where c_ij >= min_similarity
        weight_i = 1 - (v_i - min v) / (max v - min v)

    All weights are 1 where all v are equal, for example for a single pair.

    - [1] Self-Supervised Image-to-Point Distillation via Semantically Tolerant
      Contrastive Loss, 2023, https://arxiv.org/abs/2301.05709

    Args:
        similarity: Cosine similarities, shape (M, M).
        min_similarity: Smaller similarities do not count. It is 0.5 in [1].

    Returns:
        Weights in 0..1, shape (M,); for ``PairWeights.anchors``.
    """
    check_shape("similarity", similarity, (len(similarity), len(similarity)))
    alike = similarity.masked_fill(similarity < min_similarity, 0.0).sum(dim=1)
    if len(alike) == 0:
        return alike
    lowest, highest = alike.aminmax()
    spread = highest - lowest
    return 1 - (alike - lowest) / spread.masked_fill(spread == 0, 1.0)


@MODELS.register_module()
class SemanticTolerance(nn.Module):
    """Weights of :func:`tolerance_weights` and :func:`balance_weights`, for configs.

    The similarity of a pair is the cosine similarity of the frozen teacher's features,
    before any projection.

    Args:
        tolerant: Whether similar pairs count less, or not at all, as negatives.
        min_quantile: Share of the pairs that are not used as negatives; None weighs all
            pairs by their dissimilarity.
        balanced: Whether anchors that are similar to many others get a smaller weight.
        min_similarity: Similarity from which ``balanced`` counts a pair as similar.

    Raises:
        ValueError: If a number is out of range, or nothing would be weighted.
    """

    def __init__(
        self,
        tolerant: bool = True,
        min_quantile: float | None = 0.01,
        balanced: bool = True,
        min_similarity: float = 0.5,
    ) -> None:
        super().__init__()
        if not (tolerant or balanced):
            raise ValueError(
                "tolerant or balanced must be True, but got neither; leave the weights of pairs "
                "out of the config."
            )
        if min_quantile is not None and not 0 <= min_quantile <= 1:
            raise ValueError(f"min_quantile must be in 0..1, but got {min_quantile}.")
        if not -1 <= min_similarity <= 1:
            raise ValueError(f"min_similarity must be in -1..1, but got {min_similarity}.")
        self.tolerant = tolerant
        self.min_quantile = min_quantile
        self.balanced = balanced
        self.min_similarity = min_similarity

    @torch.no_grad()
    def forward(self, pairs: PairDescription) -> PairWeights:
        """Return the weights of M pairs."""
        feats = unit_length(pairs.teacher_feats)
        # Autocast would round similarities that are compared with a quantile.
        with torch.autocast(feats.device.type, enabled=False):
            similarity = feats @ feats.T
        return PairWeights(
            tolerance_weights(similarity, self.min_quantile) if self.tolerant else None,
            balance_weights(similarity, self.min_similarity) if self.balanced else None,
        )


def _row_quantile(values: Tensor, share: float) -> Tensor:
    """Return the quantile of each row, interpolated linearly, (M, 1).

    ``torch.quantile`` does the same, of 16 million numbers at most.
    """
    place = share * (values.shape[1] - 1)
    low, high = (values.kthvalue(1 + rank, dim=1).values for rank in _around(place))
    return torch.lerp(low, high, place - math.floor(place))[:, None]


def _around(place: float) -> tuple[int, int]:
    return math.floor(place), math.ceil(place)
