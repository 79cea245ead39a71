"""Map segmentation: classes for the cells of a bird's-eye view."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


def sigmoid_focal_loss(scores: Tensor, truth: Tensor, gamma: float = 2.0) -> Tensor:
    """Return the mean of ``-(1 - p_t)^gamma log p_t``.

    Focal loss of independent classes without class weights, as BEVFusion has it [1].

    - [1] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
      Representation, 2022, https://arxiv.org/abs/2205.13542

    Args:
        scores: Logits, any shape.
        truth: 0 or 1, the same shape.
        gamma: How little cells count that are right already; 0 is cross-entropy.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
    # 1 - p_t is the probability of the wrong answer.
    wrong = torch.sigmoid(torch.where(truth > 0.5, -scores, scores))
    return (wrong**gamma * cross_entropy).mean()


@MODELS.register_module()
class BEVMapHead(nn.Module):
    """Resample a BEV map to the cells of the truth and classify each cell.

    Two 3x3 convolutions with BatchNorm and ReLU, then a 1x1: BEVFusion's head.

    Args:
        in_channels: Channels C of the map.
        classes: Names of the classes, in the order of the truth's channels.
        in_range: Range of the map that comes in, in m, as ``BEVGrid`` has it.
        in_cell_size: Its cells in m.
        out_range: Range of the truth in m.
        out_cell_size: Its cells in m.
        gamma: Exponent of the focal loss.

    Raises:
        ValueError: If there is no class, or cells do not divide their range.
    """

    def __init__(
        self,
        in_channels: int,
        classes: Sequence[str],
        in_range: Sequence[float],
        in_cell_size: float,
        out_range: Sequence[float],
        out_cell_size: float,
        gamma: float = 2.0,
    ) -> None:
        super().__init__()
        if not classes:
            raise ValueError("classes must hold at least one name, but got none.")
        self.classes = tuple(classes)
        self.gamma = gamma
        self.in_grid = BEVGrid(tuple(in_range), in_cell_size)
        self.out_grid = BEVGrid(tuple(out_range), out_cell_size)
        self.classifier = nn.Sequential(
            *_conv_block(in_channels),
            *_conv_block(in_channels),
            nn.Conv2d(in_channels, len(self.classes), kernel_size=1),
        )

    def forward(self, bev: Tensor) -> Tensor:
        """Return logits on the cells of the truth.

        Args:
            bev: Shape (B, C, Y, X) on the grid that comes in.

        Returns:
            Shape (B, classes, Y', X').

        Raises:
            ValueError: If the map has another size than the grid.
        """
        check_shape("bev", bev, ("B", "C", *self.in_grid.shape))
        centers = self._centers(bev)
        feats, _ = sample_bev(bev, [centers] * len(bev), self.in_grid)
        rows, columns = self.out_grid.shape
        resampled = feats.view(len(bev), rows, columns, -1).permute(0, 3, 1, 2).contiguous()
        scores: Tensor = self.classifier(resampled.to(bev.dtype))
        return scores

    def loss(self, scores: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return ``loss_map_<class>`` of each class.

        Args:
            scores: Logits, shape (B, classes, Y', X').
            truth: 0 or 1, the same shape.

        Raises:
            ValueError: If the truth has another shape.
        """
        check_shape("truth", truth, tuple(scores.shape))
        return {
            f"loss_map_{name}": sigmoid_focal_loss(scores[:, i], truth[:, i].float(), self.gamma)
            for i, name in enumerate(self.classes)
        }

    def _centers(self, like: Tensor) -> Tensor:
        """Return x and y of the truth's cells in m, row by row, (Y' * X', 2)."""
        rows, columns = self.out_grid.shape
        size = self.out_grid.cell_size
        x_min, y_min = self.out_grid.point_cloud_range[:2]
        y = y_min + size * (torch.arange(rows, device=like.device) + 0.5)
        x = x_min + size * (torch.arange(columns, device=like.device) + 0.5)
        grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
        return torch.stack([grid_x, grid_y], dim=-1).reshape(-1, 2)


def _conv_block(channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
