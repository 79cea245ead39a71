"""Charts as pictures of vectors that follow the theme of the page."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

# Colors that the style sheet knows by name; drawn as stand-ins, each unlike any other.
THEME = {
    "text": "#010101",
    "dim": "#020202",
    "line": "#030303",
    "card": "#040404",
    "arm-random": "#050505",
    "arm-slidr": "#060606",
    "arm-validation": "#070707",
    "arm-prc": "#080808",
    "arm-rad": "#090909",
}
_FAR = 4.0
_STYLES = ("-", "--", ":")
# Of a chart of bars, in lines: a bar, what it fills, and the space between protocols.
_BAR, _BAR_WIDTH, _SPACE = 0.85, 0.66, 0.45
_INCHES_PER_LINE = 0.28


def draw_curves(curves: Sequence[Mapping[str, Any]], x_label: str, name: str) -> Markup:
    """Draw curves over steps, on a logarithmic axis where they fall far.

    Args:
        curves: Each with ``name``, ``arm`` (its color), ``x`` and ``y``. Those of one
            arm differ by their dashes.
        x_label: What the steps are.
        name: Unlike that of any other chart of the page.
    """
    with _chart(name) as (axes, out):
        drawn: dict[str, int] = {}
        for curve in curves:
            arm = curve["arm"]
            drawn[arm] = drawn.get(arm, 0) + 1
            axes.plot(
                curve["x"],
                curve["y"],
                color=arm_color(arm),
                linestyle=_STYLES[(drawn[arm] - 1) % len(_STYLES)],
                marker="o" if len(curve["x"]) < 5 else None,
                markersize=5,
                linewidth=1.8,
                label=curve["name"],
            )
        axes.set_xlabel(x_label, color=THEME["dim"])
        _scale_losses(axes, [y for curve in curves for y in curve["y"]])
        _legend(axes, columns=2)
    return _finish(out)


def draw_scores(protocols: Sequence[Mapping[str, Any]], name: str) -> Markup:
    """Draw main metrics as bars, standard deviations as whiskers, each seed as a dot.

    Bars lie, so that the names of any number of protocols have room above theirs.

    Args:
        protocols: Each with ``title`` and ``metrics``, the first of which is drawn: its
            ``name``, and ``rows`` with ``arm``, ``name``, ``mean``, ``std`` (None with
            one seed) and ``seeds``.
        name: As in :func:`draw_curves`.
    """
    lines = sum(1 + _BAR * len(p["metrics"][0]["rows"]) + _SPACE for p in protocols)
    with _chart(name, height=_INCHES_PER_LINE * lines + 0.9, grid="x") as (axes, out):
        named, place = set(), 0.0
        for protocol in protocols:
            metric = protocol["metrics"][0]
            axes.text(0, place, protocol["title"], va="center", color=THEME["text"])
            # The end of the line, whatever the scale.
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
                _draw_score(axes, place, row, None if row["arm"] in named else row["name"])
                named.add(row["arm"])
            place += 1 + _SPACE
        axes.set_ylim(place - 1, -0.6)
        axes.set_yticks([])
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:g}")
        _legend(axes, columns=4)
    return _finish(out)


def arm_color(arm: str) -> str:
    """Return the stand-in for the color of an arm."""
    return THEME.get(f"arm-{arm}", THEME["dim"])


def _draw_score(axes: Axes, place: float, row: Mapping[str, Any], label: str | None) -> None:
    mean, color = row["mean"], arm_color(row["arm"])
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
def _chart(
    name: str, height: float = 3.4, grid: Literal["x", "y"] = "y"
) -> Iterator[tuple[Axes, io.StringIO]]:
    """Give axes to draw on, and the text of the picture after that."""
    settings: Any = {
        "svg.fonttype": "none",
        # Ids are hashes: without it they differ each time.
        "svg.hashsalt": name,
        "font.size": 11,
        "text.color": THEME["text"],
        "xtick.color": THEME["dim"],
        "ytick.color": THEME["dim"],
        "axes.edgecolor": THEME["line"],
    }
    out = io.StringIO()
    # Libraries that are imported with this one may have set a style of their own.
    with matplotlib.style.context(settings, after_reset=True):
        figure = Figure(figsize=(5.6, height), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis=grid, color=THEME["line"], linewidth=0.8)
        axes.set_axisbelow(True)
        yield axes, out
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})


def _scale_losses(axes: Axes, values: Sequence[float]) -> None:
    """Let the end of a curve be seen that begins far above it."""
    if min(values) > 0 and max(values) > _FAR * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=10)


def _finish(out: io.StringIO) -> Markup:
    """Return the picture for use inside a page, its colors those of the theme."""
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    # Names of groups, which repeat from chart to chart; nothing refers to them.
    svg = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for theme_name, stand_in in THEME.items():
        svg = svg.replace(stand_in, f"var(--{theme_name})")
    return Markup(svg)
