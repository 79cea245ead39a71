"""InfoNCE loss between paired features of two modalities."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.models.losses.pair_weights import PairWeights, weighted_mean
from perception_kd.ops.ranks import combine_shares, gather_rows, rows_of_rank
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape

_EXCLUDED = ("zero", "minus_inf")


def info_nce(
    query: Tensor,
    key: Tensor,
    temperature: float,
    *,
    symmetric: bool = False,
    normalize: bool = False,
    gather_negatives: bool = False,
    weights: PairWeights | None = None,
    excluded: str = "zero",
) -> Tensor:
    """Contrast every query with its own key, among the keys of all pairs.

    Row i of ``query`` and row i of ``key`` describe the same piece of the scene, seen
    by two sensors; all other keys are its negatives [1, Eq. 4]:

        loss = mean over i of  -log( exp(q_i . k_i / t) / sum_j exp(q_i . k_j / t) )

    with t the temperature. Queries are the anchors, so swapping the two changes the
    value. SLidR [2, Eq. 2] takes superpoints as queries and
    superpixels as keys: means of unit vectors, shorter than 1, which it does **not**
    scale to unit length again. PPKT [3] takes points and pixels.

    With weights w_ij of candidates and a_i of anchors it is ST-SLidR's loss [4]:

        loss = sum_i a_i l_i / sum_i a_i,   l_i = -log( e_ii / sum_j e_ij ),
        e_ij = exp(w_ij q_i . k_j / t),   w_ii = 1

    A candidate of weight 0 still adds exp(0) = 1 to the sum there;
    ``excluded="minus_inf"`` takes it out.

    The logits are float32 or wider, also under autocast.

    - [1] Representation Learning with Contrastive Predictive Coding, 2018,
      https://arxiv.org/abs/1807.03748
    - [2] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258
    - [3] Learning from 2D: Contrastive Pixel-to-Point Knowledge Transfer for 3D
      Pretraining, 2021, https://arxiv.org/abs/2104.04687
    - [4] Self-Supervised Image-to-Point Distillation via Semantically Tolerant
      Contrastive Loss, 2023, https://arxiv.org/abs/2301.05709

    Args:
        query: Features of M pairs, shape (M, C).
        key: Features of the same pairs, shape (M, C).
        temperature: Divisor of the products, positive.
        symmetric: Average with the loss in which keys are the anchors.
        normalize: Scale the rows to unit length first.
        gather_negatives: Compute the loss of the pairs of all ranks together, with the
            keys of all as candidates. All ranks then have to call this, with any M.
            The mean of their gradients is that of one process with all pairs.
        weights: Weights of candidates and anchors; not with ``gather_negatives``.
        excluded: What becomes of candidates of weight 0: "zero" or "minus_inf".

    Returns:
        Scalar. Zero, still attached to the graph, when there are no pairs: a batch
        without overlap must not stop one rank while the others wait.

    Raises:
        ValueError: If shapes do not fit, ``excluded`` is unknown, or weights come with
            ``gather_negatives``.
    """
    check_shape("query", query, ("M", "C"))
    check_shape("key", key, tuple(query.shape))
    _check_weights(weights, len(query), excluded, gather_negatives)

    wide = torch.promote_types(torch.promote_types(query.dtype, key.dtype), torch.float32)
    pairs = torch.stack((query.to(wide), key.to(wide)), dim=1)
    if normalize:
        pairs = F.normalize(pairs, dim=2)
    candidates, lengths = gather_rows(pairs) if gather_negatives else (pairs, [len(pairs)])
    if len(query) == 0:
        loss = (pairs.sum() + candidates.sum()) * 0.0
    else:
        rows = rows_of_rank(lengths)
        own = torch.arange(rows.start, rows.stop, device=query.device)
        form = _Form(temperature, weights, excluded)
        loss = _cross_entropy(pairs[:, 0], candidates[:, 1], own, form)
        if symmetric:
            loss = (loss + _cross_entropy(pairs[:, 1], candidates[:, 0], own, form)) / 2
    if len(lengths) == 1:
        return loss
    return combine_shares(loss * (len(query) / max(len(candidates), 1)))


class _Form(NamedTuple):
    """Settings of a cross entropy."""

    temperature: float
    weights: PairWeights | None
    excluded: str


def _check_weights(
    weights: PairWeights | None, num_pairs: int, excluded: str, gather_negatives: bool
) -> None:
    if excluded not in _EXCLUDED:
        raise ValueError(f'excluded must be "zero" or "minus_inf", but got "{excluded}".')
    if weights is None:
        return
    if gather_negatives:
        raise ValueError(
            "weights must be None with gather_negatives=True: they are of the pairs of one rank."
        )
    weights.check(num_pairs)


def _cross_entropy(anchors: Tensor, candidates: Tensor, own: Tensor, form: _Form) -> Tensor:
    # Autocast would round the logits to half: 8 bits for what is divided by 0.07.
    with torch.autocast(anchors.device.type, enabled=False):
        logits = (anchors / form.temperature) @ candidates.T
        if form.weights is None:
            return F.cross_entropy(logits, own)
        logits = _weigh(logits, form.weights.candidates, form.excluded)
        terms = F.cross_entropy(logits, own, reduction="none")
        return weighted_mean(terms, form.weights.anchors)


def _weigh(logits: Tensor, weights: Tensor | None, excluded: str) -> Tensor:
    """Return the logits (M, M) of weighted candidates."""
    if weights is None:
        return logits
    is_own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    weighted = logits * weights.to(logits).masked_fill(is_own, 1.0)
    if excluded == "zero":
        return weighted
    return weighted.masked_fill((weights == 0) & ~is_own, -torch.inf)


@MODELS.register_module()
class InfoNCELoss(nn.Module):
    """Module form of :func:`info_nce`, for configs.

    Args:
        temperature: Divisor of the products, positive. SLidR and PPKT use 0.07.
        loss_weight: Factor on the result.
        symmetric: Average with the loss in which keys are the anchors.
        normalize: Scale the rows to unit length first.
        gather_negatives: In training, compute the loss of the pairs of all ranks
            together. In eval mode only those of the batch are compared, so validation
            does not depend on the number of ranks.
        excluded: What becomes of candidates of weight 0: "zero" or "minus_inf".

    Raises:
        ValueError: If ``temperature`` is not positive, or ``excluded`` is unknown.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        loss_weight: float = 1.0,
        symmetric: bool = False,
        normalize: bool = False,
        gather_negatives: bool = False,
        excluded: str = "zero",
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, but got {temperature}.")
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.symmetric = symmetric
        self.normalize = normalize
        _check_weights(None, 0, excluded, gather_negatives)
        self.gather_negatives = gather_negatives
        self.excluded = excluded

    def forward(self, query: Tensor, key: Tensor, weights: PairWeights | None = None) -> Tensor:
        """Compute the loss of M pairs, times ``loss_weight``.

        Args:
            query: Features of one modality, shape (M, C).
            key: Features of the other modality, row by row of the same things, (M, C).
            weights: Weights of anchors and candidates; None weighs all alike.

        Returns:
            Scalar; zero, attached to the graph, without a pair.
        """
        return self.loss_weight * info_nce(
            query,
            key,
            self.temperature,
            symmetric=self.symmetric,
            normalize=self.normalize,
            gather_negatives=self.gather_negatives and self.training,
            weights=weights,
            excluded=self.excluded,
        )
