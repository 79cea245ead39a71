"""Sections to one self-contained page."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from mmengine.logging import MMLogger

import perception_kd
from perception_kd.experiments.report.detections import (
    Detections,
    boxes_section,
    load_detections,
)
from perception_kd.experiments.report.keyframes import Keyframe, load_keyframes
from perception_kd.experiments.report.map_predictions import Maps, load_maps, maps_section
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.results import results_section
from perception_kd.experiments.report.scenes import (
    cameras_section,
    clouds_section,
    similarity_section,
)
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.training import training_section
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.io.atomic import write_whole

SCRIPTS = ("core.js", "cloud.js", "clouds.js", "similarity.js")
NUM_KEYFRAMES = 2
Loaded = TypeVar("Loaded")


def write_report(
    work_dir: Path, out: Path | None = None, num_keyframes: int = NUM_KEYFRAMES
) -> Path:
    """Write the report of a demo, whatever of it has finished: one HTML file.

    The networks are run on a few keyframes for its pictures. What is missing is named
    on the page. What it reads: :class:`~.work_dir.WorkDir`.

    Args:
        work_dir: Folder of the demo.
        out: File to write; ``report.html`` in the folder where not given.
        num_keyframes: Keyframes shown at most.

    Returns:
        The file.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no keyframe is asked for.
    """
    if num_keyframes < 1:
        raise ValueError(f"num_keyframes must be positive, but got {num_keyframes}.")
    work = WorkDir.read(work_dir)
    keyframes, reason = _load_or_explain(
        load_keyframes, work, num_keyframes, "pictures", list[Keyframe]()
    )
    detections = _load_or_explain(load_detections, work, num_keyframes, "boxes", Detections())
    maps = _load_or_explain(load_maps, work, num_keyframes, "maps", Maps())
    sections = [
        results_section(work),
        training_section(work),
        cameras_section(keyframes, reason),
        clouds_section(keyframes, reason),
        similarity_section(keyframes, reason),
        boxes_section(work, *detections),
        maps_section(work, *maps),
        overview_section(work),
    ]
    out = out or work_dir / "report.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, render_page("Pre-training demo", sections).encode())
    return out


def render_page(title: str, sections: list[Section]) -> str:
    """Return the page of some sections, with styles, scripts and data inside."""
    environment = Environment(
        loader=PackageLoader("perception_kd.experiments.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}".replace(",", "\u202f")
    static = files("perception_kd.experiments.report") / "static"
    scripts = [(static / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return environment.get_template("page.html").render(
        title=title,
        version=perception_kd.__version__,
        sections=sections,
        style=Markup((static / "report.css").read_text(encoding="utf-8")),
        deck=_deck_script() if any(section.payload for section in sections) else "",
        deck_license=(static / "deck.gl-LICENSE.txt").read_text(encoding="utf-8"),
        script=_inline_script("\n".join(scripts)),
    )


def _load_or_explain(
    load: Callable[[WorkDir, int], Loaded], work: WorkDir, num: int, what: str, nothing: Loaded
) -> tuple[Loaded, str]:
    """Return what a section shows and "", or nothing and why there is none."""
    logger: MMLogger = MMLogger.get_current_instance()
    try:
        return load(work, num), ""
    except (FileNotFoundError, ValueError) as error:  # not there, or weights that do not fit
        logger.warning(f"The report has no {what}: {error}")
        return nothing, f"No {what}: {error}"


def _inline_script(script: str) -> Markup:
    """Return a script that no string inside can end early."""
    return Markup(script.replace("</script", "<\\/script"))


def _deck_script() -> Markup:
    """Return deck.gl as pydeck carries it.

    It is chosen for its point clouds, one instanced quad a point: software renderers
    draw them in seconds where plotly's markers, which are meshes, take most of a
    minute.
    """
    try:
        bundle = files("pydeck") / "nbextension" / "static" / "index.js"
    except ModuleNotFoundError as error:
        raise ImportError(
            'The report needs pydeck; install it with pip install "perception-kd[report]".'
        ) from error
    return _inline_script(bundle.read_text(encoding="utf-8"))
