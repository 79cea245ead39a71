"""Charts as pictures of vectors that follow the theme of the page."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colors that the style sheet knows by name; drawn as stand-ins, each unlike any other.
THEME = {
    "text": "#010101",
    "dim": "#020202",
    "line": "#030303",
    "card": "#040404",
    "arm-random": "#050505",
    "arm-slidr": "#060606",
    "arm-validation": "#070707",
}
_STYLES = ("-", "--", ":")
_BAR_WIDTH = 0.3


def draw_curves(curves: Sequence[Mapping[str, Any]], x_label: str, name: str) -> Markup:
    """Draw curves over steps.

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
        _legend(axes, columns=2)
    return _finish(out)


def draw_scores(protocols: Sequence[Mapping[str, Any]], name: str) -> Markup:
    """Draw mIoU as a bar, its standard deviation as a whisker, each seed as a dot.

    Args:
        protocols: Each with ``title`` and ``rows``; a row has ``arm``, ``name``,
            ``mean``, ``std`` (None with one seed) and ``seeds``.
        name: As in :func:`draw_curves`.
    """
    with _chart(name) as (axes, out):
        named = set()
        for i, protocol in enumerate(protocols):
            rows = protocol["rows"]
            for j, row in enumerate(rows):
                place = i + (j - (len(rows) - 1) / 2) * (_BAR_WIDTH + 0.04)
                label = None if row["arm"] in named else row["name"]
                named.add(row["arm"])
                _draw_score(axes, place, row, label)
        axes.set_xticks(range(len(protocols)), [_wrap(p["title"]) for p in protocols])
        axes.set_xlim(-0.6, len(protocols) - 0.4)
        axes.set_ylabel("mIoU (%)", color=THEME["dim"])
        axes.set_ylim(bottom=0)
        _legend(axes, columns=2)
    return _finish(out)


def arm_color(arm: str) -> str:
    """Return the stand-in for the color of an arm."""
    return THEME.get(f"arm-{arm}", THEME["dim"])


def _draw_score(axes: Axes, place: float, row: Mapping[str, Any], label: str | None) -> None:
    color = arm_color(row["arm"])
    axes.bar(place, row["mean"], _BAR_WIDTH, color=color, alpha=0.85, label=label)
    if row["std"] is not None:
        axes.errorbar(place, row["mean"], row["std"], color=THEME["text"], capsize=5, linewidth=1.5)
    seeds = list(row["seeds"].values())
    axes.plot(
        [place] * len(seeds),
        seeds,
        "o",
        color=THEME["card"],
        markeredgecolor=THEME["text"],
        markersize=6,
        linestyle="none",
    )


@contextmanager
def _chart(name: str) -> Iterator[tuple[Axes, io.StringIO]]:
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
        figure = Figure(figsize=(6.2, 3.7), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.grid(axis="y", color=THEME["line"], linewidth=0.8)
        axes.set_axisbelow(True)
        yield axes, out
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})


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


def _wrap(title: str) -> str:
    """Break a long title in two."""
    if len(title) < 20:
        return title
    words = title.split(" ")
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + "\n" + " ".join(words[half:])
