"""Features to the space in which a contrastive loss compares them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class FeatureProjector(nn.Module):
    """Linear layers with ReLUs between them, and scaling to unit length.

    It is dropped after pre-training. The widths are those of CALICO's first author's
    earlier code; the paper's are not public.

    Args:
        in_channels: C, channels of the features.
        hidden_channels: Channels between the layers, one less than there are layers.
        out_channels: D, channels that are compared.
        batch_norm: Whether a batch norm stands before each ReLU, as in ProposalContrast
            and SimIPU.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int] = (128,),
        out_channels: int = 64,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        layers: list[nn.Module] = []
        for hidden in hidden_channels:
            layers.append(nn.Linear(in_channels, hidden, bias=not batch_norm))
            layers += [nn.BatchNorm1d(hidden)] if batch_norm else []
            layers.append(nn.ReLU())
            in_channels = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(in_channels, out_channels))

    def forward(self, feats: Tensor) -> Tensor:
        """Return features of unit length, (M, D), of features (M, C).

        Raises:
            ValueError: If the shape is wrong.
        """
        check_shape("feats", feats, ("M", self.in_channels))
        return unit_length(self.layers(feats))


def unit_length(feats: Tensor, dim: int = 1, eps: float = 1e-6) -> Tensor:
    """Scale vectors to length 1.

    Vectors shorter than ``eps``, such as empty cells, become 0 and pass no gradient on.
    ``torch.nn.functional.normalize`` multiplies their gradient by 1e12 instead, which
    overflows in half precision. A vector with NaN or infinity has NaN in its result, so
    that it shows in the loss.

    Args:
        feats: Any shape.
        dim: Axis of the vectors' components.
        eps: Shortest length that is scaled.

    Returns:
        The shape of ``feats``, at least in single precision.
    """
    feats = feats.to(torch.promote_types(feats.dtype, torch.float))
    norm = torch.linalg.vector_norm(feats, dim=dim, keepdim=True)
    short = norm <= eps  # false for NaN
    scaled = feats / torch.where(short, 1.0, norm)
    return torch.where(short, 0.0, scaled)
