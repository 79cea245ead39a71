"""Reduces features to the size that a page can carry."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def similarity_basis(feats: Floats, num_channels: int) -> Floats:
    """Return the directions that best preserve the dot products of features.

    They have the largest second moments. Unlike in a PCA, features are not centered,
    since cosines are measured from the origin.

    Args:
        feats: Features, shape (N, D).
        num_channels: Number of directions; at most D are returned.

    Returns:
        Orthonormal columns, shape (D, min(D, num_channels)).
    """
    moments = feats.astype(np.float64).T @ feats.astype(np.float64)
    _, vectors = np.linalg.eigh(moments)
    return vectors[:, ::-1][:, :num_channels].astype(np.float32)


def quantize(feats: Floats) -> NDArray[np.int8]:
    """Scale each feature so that its largest channel is 127, and round it.

    This drops its length and keeps its direction to about half a percent; zero stays
    zero.

    Args:
        feats: Features, shape (..., D).

    Returns:
        Same shape.
    """
    largest = np.abs(feats).max(axis=-1, keepdims=True)
    scale = np.divide(127, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.rint(feats * scale).astype(np.int8)


def principal_colors(feats: Floats, valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the first three principal components of features as RGB colors.

    The 2nd to 98th percentile of each component are mapped to 0..255.

    Args:
        feats: Features, shape (N, D) with D >= 3.
        valid: Features to use, shape (N,); the others are gray.

    Returns:
        Shape (N, 3).
    """
    colors = np.full((len(feats), 3), 128, np.uint8)
    if not valid.any():
        return colors
    centered = feats[valid] - feats[valid].mean(axis=0)
    components = centered @ similarity_basis(centered, 3)
    low, high = np.percentile(components, (2, 98), axis=0)
    span = np.maximum(high - low, np.finfo(np.float32).eps)
    colors[valid] = (255 * np.clip((components - low) / span, 0, 1)).round().astype(np.uint8)
    return colors
