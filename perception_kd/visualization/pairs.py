"""LiDAR points drawn on images, to check the calibration by eye."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Image, Sample
from perception_kd.visualization.images import arrange_grid, find_borders, resize_to_width

BORDER_COLOR = (255, 255, 255)
BAR_HEIGHT = 28  # px, of titles and of the legend
RAMP_WIDTH = 200  # px, of the legend's colors


def color_distances(distances: NDArray[np.floating[Any]], max_distance: float) -> Image:
    """Return RGB colors of distances, near red to far blue, shape (P, 3).

    Args:
        distances: Distances in m, shape (P,).
        max_distance: All points at this distance in m or farther are blue.
    """
    nearness = 255 * (1 - np.clip(distances / max_distance, 0, 1))
    colors = cv2.applyColorMap(nearness.astype(np.uint8).reshape(-1, 1), cv2.COLORMAP_TURBO)
    return np.asarray(colors[:, 0, ::-1] if len(distances) else np.zeros((0, 3)), np.uint8)


def describe_view(sample: Sample, view: int) -> str:
    """Return the name of a view with its numbers of pairs and paired superpixels."""
    rows_cols = _rows_cols(sample, view)
    text = f"{sample['cam_names'][view]}: {len(rows_cols)} pairs"
    if "superpixels" not in sample:
        return text
    superpixels = sample["superpixels"][view]
    paired = superpixels[tuple(rows_cols.T)]
    num_paired, num_all = (len(np.unique(ids[ids >= 0])) for ids in (paired, superpixels))
    return f"{text} in {num_paired} of {num_all} superpixels"


def draw_view(sample: Sample, view: int, max_distance: float = 60.0, scale: int = 1) -> Image:
    """Draw the superpixel borders and paired points of one image of a sample.

    A point's color shows its distance from the LiDAR; nearer points cover farther ones.

    Args:
        sample: A paired sample, before packing; ``superpixels`` may be absent.
        view: Index of the image.
        max_distance: Points at this distance in m or farther are blue.
        scale: Integer factor by which the image is enlarged, so that points do not
            cover a small image.

    Returns:
        RGB, shape (scale * H, scale * W, 3).
    """
    img = sample["imgs"][view].repeat(scale, axis=0).repeat(scale, axis=1)
    if "superpixels" in sample:
        superpixels = sample["superpixels"][view].repeat(scale, axis=0).repeat(scale, axis=1)
        img[find_borders(superpixels)] = BORDER_COLOR
    rows = sample["pairing_points"][sample["pairing_images"][:, 0] == view]
    centers = _rows_cols(sample, view) * scale + scale // 2
    draw_points(img, centers, sample["points"][rows, :3], max_distance)
    return np.asarray(img, np.uint8)


def draw_sample(
    sample: Sample,
    max_distance: float = 60.0,
    columns: int = 3,
    width: int = 2400,
) -> Image:
    """Draw all images of a sample with :func:`draw_view`, below a legend.

    Args:
        sample: A paired sample, before packing.
        max_distance: Points at this distance in m or farther are blue.
        columns: Maximum number of images per row.
        width: Width of the image in px.
    """
    columns = min(columns, len(sample["imgs"]))
    view_width = width // columns
    tiles = []
    for view, img in enumerate(sample["imgs"]):
        scale = max(1, round(view_width / img.shape[1]))
        drawn = draw_view(sample, view, max_distance, scale)
        bar = write_bar(describe_view(sample, view), view_width)
        tiles.append(np.concatenate([bar, resize_to_width(drawn, view_width)]))
    grid = arrange_grid(tiles, columns)
    return np.concatenate([_draw_legend(sample, max_distance, grid.shape[1]), grid])


def _rows_cols(sample: Sample, view: int) -> NDArray[np.int64]:
    pairing_images: NDArray[np.int64] = sample["pairing_images"]
    return pairing_images[pairing_images[:, 0] == view, 1:]


def draw_points(
    img: Image,
    rows_cols: NDArray[np.int64],
    points: NDArray[np.floating[Any]],
    max_distance: float = 60.0,
) -> None:
    """Draw points on an image in place; nearer points cover farther ones.

    Args:
        img: RGB, shape (H, W, 3).
        rows_cols: Rows and columns of the points in px, shape (P, 2).
        points: Their positions in LiDAR coordinates in m, shape (P, 3).
        max_distance: Points at this distance in m or farther are blue.
    """
    distances = np.linalg.norm(points, axis=1)
    colors = color_distances(distances, max_distance)
    radius = max(1, img.shape[1] // 800)
    for i in np.argsort(-distances):
        row, col = rows_cols[i].tolist()
        cv2.circle(img, (col, row), radius, colors[i].tolist(), thickness=-1)


def _draw_legend(sample: Sample, max_distance: float, width: int) -> Image:
    num_points, num_pairs = len(sample["points"]), len(sample["pairing_points"])
    num_paired = len(np.unique(sample["pairing_points"]))
    text = (
        f"{sample['sample_token']}: {num_pairs} pairs of {num_paired} of {num_points} points; "
        f"distance from the LiDAR 0 to {max_distance:g} m:"
    )
    bar = write_bar(text, width - RAMP_WIDTH)
    distances = np.linspace(0, max_distance, RAMP_WIDTH)
    ramp = color_distances(distances, max_distance)[None].repeat(BAR_HEIGHT, axis=0)
    return np.concatenate([bar, ramp], axis=1)


def write_bar(text: str, width: int) -> Image:
    """Return a black bar with a line of white text, shape (BAR_HEIGHT, width, 3)."""
    bar = np.zeros((BAR_HEIGHT, width, 3), np.uint8)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    text_width = cv2.getTextSize(text, font, 0.6, 1)[0][0]
    scale = min(0.6, 0.6 * (width - 12) / text_width)
    cv2.putText(bar, text, (6, 19), font, scale, white, 1, cv2.LINE_AA)
    return bar
