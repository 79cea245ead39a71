"""mmdet3d's layers of pillars, with norms that see one row per point."""

import torch
import torch.nn.functional as F
from mmdet3d.models.voxel_encoders.utils import PFNLayer
from torch import Tensor, nn


class RowsPFNLayer(PFNLayer):
    """The same layer without transposing, several times as fast on a CPU.

    mmdet3d gives the norm (K, C, slots) for K pillars of that many points. Statistics
    of a channel are over the same values as those of rows (K * slots, C), which need
    no copies, and which torch sums faster.
    """

    def forward(
        self,
        inputs: Tensor,
        num_voxels: Tensor | None = None,
        aligned_distance: Tensor | None = None,
    ) -> Tensor:
        """Return the features of pillars, or those of points beside them.

        Args:
            inputs: Features of the points of each pillar, shape (K, slots, C).
            num_voxels: As for mmdet3d's layer.
            aligned_distance: As for mmdet3d's layer.
        """
        if self.mode != "max" or aligned_distance is not None:
            other: Tensor = super().forward(inputs, num_voxels, aligned_distance)
            return other
        linear = self.linear(inputs)
        feats = F.relu(self.norm(linear.flatten(0, 1)).view_as(linear))
        highest = feats.max(dim=1, keepdim=True).values
        if self.last_vfe:
            return highest
        return torch.cat([feats, highest.expand_as(feats)], dim=2)


def normalize_rows(encoder: nn.Module | None) -> None:
    """Let the layers of pillars of an encoder be :class:`RowsPFNLayer`, in place.

    Parameters and their names do not change. Other encoders are left as they are.
    """
    for layer in getattr(encoder, "pfn_layers", ()):
        if type(layer) is PFNLayer:
            layer.__class__ = RowsPFNLayer
