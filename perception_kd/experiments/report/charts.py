"""Charts as SVG, in the colors of the page's theme."""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

# Colors of the style sheet by name. They are drawn as unique placeholders.
THEME = {
    "text": "#010101",
    "dim": "#020202",
    "line": "#030303",
    "card": "#040404",
    "init-random": "#050505",
    "init-slidr": "#060606",
    "init-validation": "#070707",
    "init-prc": "#080808",
    "init-rad": "#090909",
    "init-1": "#0a0a0a",
    "init-2": "#0b0b0b",
    "init-3": "#0c0c0c",
    "init-4": "#0d0d0d",
    "init-5": "#0e0e0e",
}
NUM_MORE = 5  # colors of initializations without one of their own
# Losses that fall by more than this factor get a logarithmic axis.
_FAR = 4.0
# Larger losses, and infinite ones, are gaps in a curve.
_LARGEST = 1e30
_STYLES = ("-", "--", ":")
# Bar charts, in lines: height of a row, of its bar, and space between protocols.
_BAR, _BAR_WIDTH, _SPACE = 0.85, 0.66, 0.45
_INCHES_PER_LINE = 0.28


def draw_curves(curves: Sequence[Mapping[str, Any]], x_label: str, name: str) -> Markup:
    """Draw losses by step, on a logarithmic axis if they fall far.

    Args:
        curves: Each with ``name``, ``color`` (an initialization, or "validation"),
            ``x`` and ``y``. Curves of one color differ in their dashes.
        x_label: Label of the x axis.
        name: Unique name of the chart on the page.
    """
    with open_chart(name) as (axes, out):
        drawn: dict[str, int] = {}
        for curve in curves:
            key = curve["color"]
            drawn[key] = drawn.get(key, 0) + 1
            axes.plot(
                curve["x"],
                [y if abs(y) < _LARGEST else math.nan for y in curve["y"]],
                color=theme_color(key),
                linestyle=_STYLES[(drawn[key] - 1) % len(_STYLES)],
                marker="o" if len(curve["x"]) < 5 else None,
                markersize=5,
                linewidth=1.8,
                label=curve["name"],
            )
        axes.set_xlabel(x_label, color=THEME["dim"])
        _scale_losses(axes, [y for curve in curves for y in curve["y"]])
        _legend(axes, columns=2)
    return finish_chart(out)


def draw_scores(protocols: Sequence[Mapping[str, Any]], name: str) -> Markup:
    """Draw main metrics as bars, standard deviations as whiskers, each seed as a dot.

    Bars are horizontal, which leaves room for the title of each protocol.

    Args:
        protocols: Each with ``title`` and ``metrics``, the first of which is drawn: its
            ``name``, and ``rows`` with ``initialization``, ``name``, ``mean``, ``std``
            (None with one seed) and ``seeds``.
        name: Unique name of the chart on the page.
    """
    lines = sum(1 + _BAR * len(p["metrics"][0]["rows"]) + _SPACE for p in protocols)
    with open_chart(name, height=_INCHES_PER_LINE * lines + 0.9, grid="x") as (axes, out):
        named, place = set(), 0.0
        for protocol in protocols:
            metric = protocol["metrics"][0]
            axes.text(0, place, protocol["title"], va="center", color=THEME["text"])
            # At the right end of the line, whatever the scale.
            axes.annotate(
                f"{metric['name']} (%)",
                (1, place),
                xycoords=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=THEME["dim"],
            )
            place += 0.05
            for row in metric["rows"]:
                place += _BAR
                _draw_score(
                    axes, place, row, None if row["initialization"] in named else row["name"]
                )
                named.add(row["initialization"])
            place += 1 + _SPACE
        axes.set_ylim(place - 1, -0.6)
        axes.set_yticks([])
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:g}")
        _legend(axes, columns=4)
    return finish_chart(out)


def theme_color(key: str) -> str:
    """Return the placeholder for the color of an initialization, or of "validation"."""
    return THEME.get(f"init-{key}", THEME["dim"])


def _draw_score(axes: Axes, place: float, row: Mapping[str, Any], label: str | None) -> None:
    mean, color = row["mean"], theme_color(row["initialization"])
    axes.barh(place, mean, _BAR_WIDTH, color=color, label=label)
    if row["std"] is not None:
        axes.errorbar(mean, place, xerr=row["std"], color=THEME["text"], capsize=4, linewidth=1.5)
    seeds = list(row["seeds"].values())
    axes.plot(
        seeds,
        [place] * len(seeds),
        "o",
        color=THEME["card"],
        markeredgecolor=THEME["text"],
        markersize=5,
        linestyle="none",
    )
    end = max(*seeds, mean + (row["std"] or 0))
    axes.annotate(
        f"{mean:.1f}", (end, place), (9, 0), textcoords="offset points", va="center", fontsize=10
    )


@contextmanager
def open_chart(
    name: str, height: float = 3.4, grid: Literal["x", "y"] = "y"
) -> Iterator[tuple[Axes, io.StringIO]]:
    """Yield axes to draw on, and the buffer that holds the SVG afterwards."""
    with open_figure(name, (5.6, height)) as (figure, out):
        axes = figure.subplots()
        style_axes(axes, grid)
        yield axes, out


def style_axes(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """Give axes the look of the page, with lines across one direction."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis=grid, color=THEME["line"], linewidth=0.8)
    axes.set_axisbelow(True)


@contextmanager
def open_figure(name: str, size: tuple[float, float]) -> Iterator[tuple[Figure, io.StringIO]]:
    """Yield a figure to draw on, and the buffer that holds the SVG afterwards.

    Args:
        name: Unique name of the chart on the page.
        size: Width and height in inches.
    """
    settings: Any = {
        "svg.fonttype": "none",
        # Ids are hashes, which differ each time without a fixed salt.
        "svg.hashsalt": name,
        "font.size": 11,
        "text.color": THEME["text"],
        "xtick.color": THEME["dim"],
        "ytick.color": THEME["dim"],
        "axes.edgecolor": THEME["line"],
    }
    out = io.StringIO()
    # Other imported libraries may have changed the style.
    with matplotlib.style.context(settings, after_reset=True):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, out
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})


def _scale_losses(axes: Axes, values: Sequence[float]) -> None:
    """Use a logarithmic axis if the losses span a wide range."""
    finite = [value for value in values if abs(value) < _LARGEST]
    if finite and min(finite) > 0 and max(finite) > _FAR * min(finite):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=10)


def finish_chart(out: io.StringIO) -> Markup:
    """Return the SVG for use inside the page, with the colors of the theme."""
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    # Ids of groups repeat from chart to chart, and nothing refers to them.
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for theme_name, placeholder in THEME.items():
        svg = svg.replace(placeholder, f"var(--{theme_name})")
    return Markup(svg)
