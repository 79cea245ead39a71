"""Cosine similarity of pre-trained features, drawn on points and images."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.structures import Sample
from perception_kd.utils.checks import check_shape
from perception_kd.visualization.figures import write_figure

COLOR_MAP = "turbo"
COLOR_RANGE = (-0.2, 1.0)


class Similarity(NamedTuple):
    """Cosine similarity to one query point, in [-1, 1].

    Attributes:
        points: Similarity of every point, shape (N,).
        pixels: Similarity of every pixel of every image, shape (V, H, W).
    """

    points: NDArray[np.float32]
    pixels: NDArray[np.float32]


def similarity_to_point(query: int, point_feats: Tensor, pixel_feats: Tensor) -> Similarity:
    """Compare one point with all points and all pixels.

    Args:
        query: Row of ``point_feats``.
        point_feats: Student features of the points, shape (N, D).
        pixel_feats: Teacher features of the pixels, shape (V, D, H, W).

    Returns:
        Cosine similarities; 0 for zero features (points out of range).

    Raises:
        ValueError: If the numbers of channels differ, or ``query`` is out of range.
    """
    check_shape("point_feats", point_feats, ("N", "D"))
    check_shape("pixel_feats", pixel_feats, ("V", point_feats.shape[1], "H", "W"))
    if not 0 <= query < len(point_feats):
        raise ValueError(f"query must be one of {len(point_feats)} points, but got {query}.")
    with torch.no_grad():
        direction = F.normalize(point_feats[query].float(), dim=0)
        points = F.normalize(point_feats.float(), dim=1) @ direction
        pixels = torch.einsum("d,vdhw->vhw", direction, F.normalize(pixel_feats.float(), dim=1))
    return Similarity(points.numpy(force=True), pixels.numpy(force=True))


def spread_queries(
    points: NDArray[np.float32], candidates: NDArray[np.int64], num: int
) -> list[int]:
    """Pick points that lie far apart from each other (farthest point sampling).

    Starts at the candidate nearest to the sensor and repeatedly adds the one farthest
    from those picked, so the same points always give the same queries.

    Args:
        points: Positions in m, shape (N, 3 or more).
        candidates: Rows that may be picked, at least one.
        num: Number of points to pick, at least 1; all candidates if there are fewer.

    Returns:
        Rows of ``points``.

    Raises:
        ValueError: If there is no candidate, or ``num`` is not positive.
    """
    if len(candidates) == 0:
        raise ValueError(
            "candidates must hold at least one point, but got none; choose another sample."
        )
    if num < 1:
        raise ValueError(f"num must be at least 1, but got {num}.")
    positions = points[candidates, :3]
    picked = [int(np.linalg.norm(positions, axis=1).argmin())]
    distance = np.full(len(candidates), np.inf)
    for _ in range(min(num, len(candidates)) - 1):
        distance = np.minimum(distance, np.linalg.norm(positions - positions[picked[-1]], axis=1))
        picked.append(int(distance.argmax()))
    return [int(candidates[i]) for i in picked]


def color_similarity(cosines: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the RGB colors of cosine similarities, as drawings have them.

    Args:
        cosines: Shape (N,).

    Returns:
        Shape (N, 3).
    """
    low, high = COLOR_RANGE
    colors = colormaps[COLOR_MAP](np.clip((cosines - low) / (high - low), 0, 1))
    return np.rint(255 * colors[:, :3]).astype(np.uint8)


def draw_similarity(similarity: Similarity, sample: Sample, query: int, path: Path) -> None:
    """Write every image below its heat map, and the points in BEV, as one image.

    Args:
        similarity: Similarity of this sample to ``query``.
        sample: Sample with ``points``, ``imgs``, ``cam_names`` and pairs, as passed to
            the networks.
        query: Row of the query point.
        path: PNG file to write.
    """
    points, imgs = sample["points"], sample["imgs"]
    query_pixels = sample["pairing_images"][sample["pairing_points"] == query]
    columns = min(3, len(imgs))
    rows = -(-len(imgs) // columns)
    figure = Figure(figsize=(4.2 * columns + 5.5, max(2.4 * rows, 4.5)), layout="constrained")
    parts = figure.subfigures(1, 2, squeeze=False, width_ratios=(4.2 * columns, 5.5))
    images_part, cloud_part = parts[0]
    axes = images_part.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    vmin, vmax = COLOR_RANGE
    style = {"cmap": COLOR_MAP, "vmin": vmin, "vmax": vmax}
    for view, (axis, img, name) in enumerate(zip(axes, imgs, sample["cam_names"], strict=False)):
        axis.imshow(img)
        axis.imshow(similarity.pixels[view], alpha=0.55, **style)
        axis.set_title(name, fontsize=8)
        for _, row, col in query_pixels[query_pixels[:, 0] == view]:
            axis.plot(col, row, "o", ms=9, mfc="none", mec="white", mew=2)

    axis = cloud_part.subplots()
    order = similarity.points.argsort()
    dots = axis.scatter(*points[order, :2].T, c=similarity.points[order], s=1, **style)
    axis.plot(*points[query, :2], "o", ms=9, mfc="none", mec="black", mew=2)
    axis.set(aspect="equal", xlabel="x (m)", ylabel="y (m)")
    axis.set_title(f"cosine similarity to point {query}", fontsize=9)
    cloud_part.colorbar(dots, ax=axis, shrink=0.7)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path)
