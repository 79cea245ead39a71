"""Figures of regions: sweeps in BEV, and statistics of scenes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion, RegionIds
from perception_kd.regions.statistics import RegionStatistics, add_statistics
from perception_kd.utils.checks import check_shape
from perception_kd.visualization.figures import write_figure

# Paler than the colors of regions, which should stand out.
COLORS = {
    NoRegion.GROUND: "#cccccc",
    NoRegion.NOISE: "#999999",
    NoRegion.EGO_STRIP: "#c4aea6",
    NoRegion.TOO_LOW: "#aed69a",
    NoRegion.TOO_HIGH: "#a3c1e3",
    NoRegion.TOO_THIN: "#d4b3de",
    NoRegion.TOO_LARGE: "#ecc68c",
    NoRegion.TOO_SMALL: "#eda6a6",
}
_STRONG = "Dark2"
# Steps of the golden ratio give regions with close ids distinct colors.
_STEP = 0.618
_MAX_NAMED_SCENES = 20


def draw_regions(
    points: NDArray[np.floating[Any]],
    region_ids: RegionIds,
    path: str | Path,
    title: str = "",
    max_distance: float = 54.0,
) -> None:
    """Write a figure of one sweep in BEV.

    Each region has a strong color; points in no region have a pale color per reason.

    Args:
        points: x, y in m in LiDAR coordinates; further columns are ignored, shape
            (N, 2) or wider.
        region_ids: Result of
            :func:`~perception_kd.regions.segmentation.make_regions`, shape (N,).
        path: PNG file to write.
        title: Title of the figure.
        max_distance: Limit of x and y in m.

    Raises:
        ValueError: If there is not one id per point.
    """
    check_shape("region_ids", region_ids, (len(points),))
    figure = Figure(figsize=(11, 9))
    figure.set_layout_engine("constrained", w_pad=0.15)
    axis = figure.subplots()
    _draw_points(axis, points, region_ids)
    limits = (-max_distance, max_distance)
    axis.set(aspect="equal", xlim=limits, ylim=limits, xlabel="x (m)", ylabel="y (m)")
    axis.set_title(title, fontsize=10)
    counts = {name: int((region_ids == reason).sum()) for reason, name in _names().items()}
    keys = [
        _key(COLORS[reason], name, counts[name], len(points)) for reason, name in _names().items()
    ]
    number = region_ids.max(initial=-1) + 1
    inside = int((region_ids >= 0).sum())
    keys.insert(0, _key("black", f"{number} regions", inside, len(points)))
    figure.legend(handles=keys, loc="outside right upper", frameon=False)
    write_figure(figure, path)


def draw_statistics(statistics: Sequence[RegionStatistics], path: str | Path) -> None:
    """Write a figure of the sizes, numbers and shares of regions.

    Args:
        statistics: One per scene.
        path: PNG file to write.
    """
    figure = Figure(figsize=(10, 10), layout="constrained")
    sizes_axis, number_axis, share_axis = figure.subplots(3, 1)
    sizes = add_statistics("all", statistics).sizes
    edges = np.geomspace(1, max(int(sizes.max(initial=1)), 2) + 1, 40)
    sizes_axis.hist(sizes, bins=edges, color="#4c78a8")
    sizes_axis.set(xscale="log", xlabel="points of a region", ylabel="regions")

    places = np.arange(len(statistics))
    number_axis.bar(places, [part.regions_per_sweep for part in statistics], color="#4c78a8")
    number_axis.set(ylabel="regions of a sweep (mean)")
    _draw_shares(share_axis, statistics)
    named = len(statistics) <= _MAX_NAMED_SCENES
    names = [part.name for part in statistics] if named else []
    for axis in (number_axis, share_axis):
        axis.set_xticks(places if named else [], names, rotation=30, ha="right")
    share_axis.set(xlabel="scene", ylabel="share of the points", ylim=(0, 1))
    write_figure(figure, path)


def region_colors(region_ids: RegionIds) -> NDArray[np.uint8]:
    """Return an RGB color for each point, shape (N, 3).

    Points of a region have a strong color, others a pale color per reason.

    Args:
        region_ids: Region of each point, negative for the reason why it has none, (N,).
    """
    colors = np.ones((len(region_ids), 3))
    for reason, color in COLORS.items():
        colors[region_ids == reason] = to_rgb(color)
    rows = region_ids >= 0
    colors[rows] = colormaps[_STRONG](region_ids[rows] * _STEP % 1)[:, :3]
    return (255 * colors).round().astype(np.uint8)


def _draw_points(axis: Axes, points: NDArray[np.floating[Any]], region_ids: RegionIds) -> None:
    colors = region_colors(region_ids) / 255
    for rows, size in ((region_ids < 0, 1.2), (region_ids >= 0, 4)):
        x, y = points[rows, :2].T
        axis.scatter(x, y, s=size, c=colors[rows], linewidths=0)


def _draw_shares(axis: Axes, statistics: Sequence[RegionStatistics]) -> None:
    places = np.arange(len(statistics))
    shares = np.array([part.share_in_regions for part in statistics])
    axis.bar(places, shares, color="black", label="in regions")
    below = shares
    for reason, name in _names().items():
        shares = np.array([part.share_without(reason) for part in statistics])
        axis.bar(places, shares, bottom=below, color=COLORS[reason], label=name)
        below = below + shares
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _names() -> dict[NoRegion, str]:
    return {reason: reason.name.lower().replace("_", " ") for reason in COLORS}


def _key(color: str, name: str, number: int, total: int) -> Line2D:
    label = f"{name} ({number / max(total, 1):.1%})"
    return Line2D([], [], color=color, marker="o", linestyle="", label=label)
