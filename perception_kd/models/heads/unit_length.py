"""Scaling features to unit length."""

import torch
from torch import Tensor


def unit_length(feats: Tensor, dim: int = 1, eps: float = 1e-6) -> Tensor:
    """Scale vectors to length 1.

    Vectors shorter than ``eps``, such as empty cells, become 0 and pass no gradient on.
    ``torch.nn.functional.normalize`` multiplies their gradient by 1e12 instead, which
    overflows in half precision.

    Args:
        feats: Any shape.
        dim: Axis of the vectors' components.
        eps: Shortest length that is scaled.

    Returns:
        The shape of ``feats``, at least in single precision.
    """
    feats = feats.to(torch.promote_types(feats.dtype, torch.float))
    norm = torch.linalg.vector_norm(feats, dim=dim, keepdim=True)
    scaled = feats / torch.where(norm > eps, norm, 1.0)
    return torch.where(norm > eps, scaled, 0.0)
