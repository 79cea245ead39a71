"""Features of many channels made small enough to travel with a page."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def similarity_basis(feats: Floats, num_channels: int) -> Floats:
    """Return the directions that keep the dot products of some features best.

    Those of the largest second moments: not centered, unlike a PCA, since a cosine is
    measured from the origin.

    Args:
        feats: Shape (N, D).
        num_channels: K; D where it is larger.

    Returns:
        Orthonormal columns, shape (D, K).
    """
    moments = feats.astype(np.float64).T @ feats.astype(np.float64)
    _, vectors = np.linalg.eigh(moments)
    return vectors[:, ::-1][:, :num_channels].astype(np.float32)


def quantize(feats: Floats) -> NDArray[np.int8]:
    """Scale every feature so that its largest channel is 127; zero stays zero.

    Its length is lost, its direction is kept to about half a percent.
    """
    largest = np.abs(feats).max(axis=-1, keepdims=True)
    scale = np.divide(127, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.rint(feats * scale).astype(np.int8)


def principal_colors(feats: Floats, valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return RGB colors of features: their first three principal components.

    Each component is stretched so that its 2nd to 98th percentile fill 0..255.

    Args:
        feats: Shape (N, D), D at least 3.
        valid: Whether a feature takes part, shape (N,); gray where not.

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
