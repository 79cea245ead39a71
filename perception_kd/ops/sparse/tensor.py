"""Features of voxels, with the rulebooks that were made for them."""

import math
from collections.abc import Sequence

from torch import Tensor

from perception_kd.ops.sparse.rulebook import Rulebook


class SparseConvTensor:
    """A volume of which only some cells have features.

    Args:
        features: Features of the voxels, shape (K, C).
        indices: (sample, position) of the voxels, distinct, int32, shape (K, 1 + D).
        spatial_shape: Number of cells along every axis.
        batch_size: Number of samples; samples may have no voxels.
        indice_dict: Rulebooks by their key, shared along a network.

    Raises:
        ValueError: If the shapes do not fit.
    """

    def __init__(
        self,
        features: Tensor,
        indices: Tensor,
        spatial_shape: Sequence[int],
        batch_size: int,
        indice_dict: dict[str, Rulebook] | None = None,
    ) -> None:
        if features.ndim != 2 or indices.shape != (len(features), 1 + len(spatial_shape)):
            raise ValueError(
                "features and indices must have shapes (K, C) and (K, 1 + number of axes), but got "
                f"{tuple(features.shape)}, {tuple(indices.shape)} for {len(spatial_shape)} axes."
            )
        self.features = features
        self.indices = indices
        self.spatial_shape = [int(size) for size in spatial_shape]
        self.batch_size = int(batch_size)
        self.indice_dict = {} if indice_dict is None else indice_dict

    def __repr__(self) -> str:
        """Return the shapes, for debuggers."""
        return f"SparseConvTensor[shape={self.features.shape}]"

    @property
    def spatial_size(self) -> int:
        """Number of cells of a sample."""
        return math.prod(self.spatial_shape)

    def replace_feature(self, feature: Tensor) -> "SparseConvTensor":
        """Return the same voxels with other features, shape (K, C')."""
        return SparseConvTensor(
            feature, self.indices, self.spatial_shape, self.batch_size, self.indice_dict
        )

    def find_indice_pair(self, key: str | None) -> Rulebook | None:
        """Return the rulebook of a key, None if there is none."""
        return None if key is None else self.indice_dict.get(key)

    def dense(self, channels_first: bool = True) -> Tensor:
        """Return the whole volume, zero where no voxel is.

        Args:
            channels_first: Whether channels come after the samples, else last.

        Returns:
            Shape (B, C, *spatial_shape) or (B, *spatial_shape, C).
        """
        sample, *positions = self.indices.long().unbind(1)
        cell = sample
        for position, size in zip(positions, self.spatial_shape, strict=True):
            cell = cell * size + position
        channels = self.features.shape[1]
        volume = self.features.new_zeros(self.batch_size * self.spatial_size, channels)
        volume = volume.index_copy(0, cell, self.features)
        volume = volume.view(self.batch_size, *self.spatial_shape, channels)
        return volume.movedim(-1, 1).contiguous() if channels_first else volume
