"""Distance between paired features of two modalities, without negatives."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.models.losses.pair_weights import PairWeights, weighted_mean
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape

_FORMS = ("cosine", "norm")


def cosine_distance(
    query: Tensor,
    key: Tensor,
    *,
    form: str = "cosine",
    center: bool = False,
    weights: PairWeights | None = None,
) -> Tensor:
    """Return the mean distance of paired features, scaled to unit length.

    With k_n and q_n row n of ``query`` and ``key``, scaled to unit length:

        "cosine":  loss = mean over n of  1 - k_n . q_n             D-DITR [1], [2]
        "norm":    loss = mean over n of  || k_n - q_n ||           ScaLR [3, Eq. 1]

    The norm is not squared: it is sqrt(2 - 2 k_n . q_n), whose gradient has length 1 up
    to the target. There it is zero. No pair is a negative of another, so that pairs of
    one class do not repel each other; but then both sides must not learn, or all
    features become equal.

    - [1] DINO in the Room: Leveraging 2D Foundation Models for 3D Segmentation, 2026,
      https://arxiv.org/abs/2503.18944
    - [2] Concerto: Joint 2D-3D Self-Supervised Learning Emerges Spatial
      Representations, 2025, https://arxiv.org/abs/2510.23607: with ``center``
    - [3] Three Pillars improving Vision Foundation Model Distillation for Lidar, 2024,
      https://arxiv.org/abs/2310.17504

    Args:
        query: Features of M pairs, shape (M, C).
        key: Features of the same pairs, shape (M, C).
        form: "cosine" or "norm".
        center: Subtract from each row the mean over its channels first.
        weights: Weights of the pairs; those of candidates do not matter.

    Returns:
        Scalar, float32 or wider. Zero, still attached to the graph, without pairs.

    Raises:
        ValueError: If the shapes do not fit, or ``form`` is unknown.
    """
    check_shape("query", query, ("M", "C"))
    check_shape("key", key, tuple(query.shape))
    _check_form(form)
    weights = weights or PairWeights()
    weights.check(len(query))
    wide = torch.promote_types(torch.promote_types(query.dtype, key.dtype), torch.float32)
    query, key = query.to(wide), key.to(wide)
    if len(query) == 0:
        return (query.sum() + key.sum()) * 0.0
    if center:
        query, key = (x - x.mean(dim=1, keepdim=True) for x in (query, key))
    query, key = unit_length(query), unit_length(key)
    if form == "norm":
        terms = torch.linalg.vector_norm(query - key, dim=1)
    else:
        terms = 1 - (query * key).sum(dim=1)
    return weighted_mean(terms, weights.anchors)


@MODELS.register_module()
class CosineDistanceLoss(nn.Module):
    """Module form of :func:`cosine_distance`, for configs.

    Args:
        form: "cosine" or "norm".
        center: Subtract from each row the mean over its channels first.
        loss_weight: Factor on the result. Concerto uses 10.

    Attributes:
        needs_fixed_keys: Without negatives, keys that learn collapse.

    Raises:
        ValueError: If ``form`` is unknown.
    """

    needs_fixed_keys: ClassVar[bool] = True

    def __init__(
        self, form: str = "cosine", center: bool = False, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        _check_form(form)
        self.form = form
        self.center = center
        self.loss_weight = loss_weight

    def forward(self, query: Tensor, key: Tensor, weights: PairWeights | None = None) -> Tensor:
        """Compute the loss of M pairs, times ``loss_weight``.

        Args:
            query: Features of the student, shape (M, C).
            key: Features of the teacher, row by row of the same things, (M, C).
            weights: Weights of the pairs; None weighs all alike.

        Returns:
            Scalar; zero, attached to the graph, without a pair.
        """
        return self.loss_weight * cosine_distance(
            query, key, form=self.form, center=self.center, weights=weights
        )


def _check_form(form: str) -> None:
    if form not in _FORMS:
        raise ValueError(f'form must be "cosine" or "norm", but got "{form}".')
