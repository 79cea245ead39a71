"""Chart of scores by share of the labels, with bands over the seeds."""

import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from perception_kd.experiments.report.charts import (
    NUM_MORE,
    THEME,
    finish_chart,
    open_figure,
    style_axes,
)

_COLUMNS = 3
_PANEL_INCHES = (3.7, 3.0)
_LEGEND_INCHES = 0.5
_BAND = 0.18  # opacity


def draw_shares(panels: Sequence[Mapping[str, Any]], name: str) -> Markup:
    """Draw a panel per task: the mean score by share, the band one standard deviation.

    Args:
        panels: Each with ``title``, ``metric`` and ``lines``: ``name``, ``color`` (a
            key of the theme), ``shares`` in percent, ``means``, ``stds`` (None with one
            seed) and ``seeds``, the scores of each share.
        name: Unique name of the chart on the page.
    """
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = _PANEL_INCHES
    with open_figure(name, (width * columns, height * rows + _LEGEND_INCHES)) as (figure, out):
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw_panel(axes, panel)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        drawn = {
            label: mark
            for axes in grid
            for mark, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            drawn.values(), drawn.keys(), loc="outside upper left", ncols=4, frameon=False
        )
    return finish_chart(out)


def pick_colors(initializations: Sequence[str]) -> dict[str, str]:
    """Return a color of the theme for each initialization, by key.

    Example:
        >>> pick_colors(["mine", "slidr", "other"])
        {'mine': 'init-1', 'slidr': 'init-slidr', 'other': 'init-2'}
    """
    others = [key for key in initializations if f"init-{key}" not in THEME]
    more = {key: f"init-{i % NUM_MORE + 1}" for i, key in enumerate(others)}
    return {key: more.get(key, f"init-{key}") for key in initializations}


def standalone(chart: Markup) -> str:
    """Return a chart as an SVG file, in the colors of the light theme."""
    style = files("perception_kd.experiments.report") / "static" / "report.css"
    light = dict(re.findall(r"--([\w-]+): light-dark\((#\w+),", style.read_text(encoding="utf-8")))
    text = re.sub(r"var\(--([\w-]+)\)", lambda found: light[found[1]], str(chart))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _draw_panel(axes: Axes, panel: Mapping[str, Any]) -> None:
    style_axes(axes)
    shares = sorted({share for line in panel["lines"] for share in line["shares"]})
    for line in panel["lines"]:
        color, means = THEME[line["color"]], line["means"]
        spread = [std or 0.0 for std in line["stds"]]
        low, high = zip(*((m - s, m + s) for m, s in zip(means, spread, strict=True)), strict=True)
        axes.fill_between(line["shares"], low, high, color=color, alpha=_BAND, linewidth=0)
        axes.plot(line["shares"], means, "o-", color=color, label=line["name"], markersize=5)
        for share, scores in zip(line["shares"], line["seeds"], strict=True):
            axes.plot([share] * len(scores), scores, "_", color=color, markersize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(shares))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(shares, [f"{share:g} %" for share in shares])
    axes.set_title(panel["title"], loc="left", color=THEME["text"], fontsize=11)
    axes.set_ylabel(f"{panel['metric']} (%)", color=THEME["dim"])
