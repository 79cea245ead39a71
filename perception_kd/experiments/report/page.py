"""Writes the sections of a report to one self-contained HTML page."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from mmengine.logging import MMLogger

from perception_kd.experiments.comparisons import DEMO
from perception_kd.experiments.report.cameras import cameras_section
from perception_kd.experiments.report.detections import (
    Detections,
    boxes_section,
    load_detections,
)
from perception_kd.experiments.report.keyframes import Keyframe, load_keyframes
from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.map_predictions import Maps, load_maps, maps_section
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.point_clouds import clouds_section
from perception_kd.experiments.report.results import results_section
from perception_kd.experiments.report.similarity import similarity_section
from perception_kd.experiments.report.training import training_section
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.experiments.trials import Comparison
from perception_kd.io.atomic import check_writable_file, write_whole
from perception_kd.utils.extras import install_command
from perception_kd.version import __version__

SCRIPTS = ("core.js", "cloud.js", "clouds.js", "similarity.js")
NUM_KEYFRAMES = 2
Loaded = TypeVar("Loaded")


def write_report(
    work_dir: Path,
    out: Path | None = None,
    num_keyframes: int = NUM_KEYFRAMES,
    comparison: Comparison = DEMO,
) -> Path:
    """Write the report of a comparison, finished or not, as one HTML file.

    The trained networks are run on a few keyframes. The page names what is missing.

    Args:
        work_dir: Work dir of the comparison; see :class:`~.work_dir.WorkDir`.
        out: File to write; None for ``report.html`` in the work dir.
        num_keyframes: Maximum number of keyframes shown.
        comparison: What was run in the work dir; by default all of the demo.

    Returns:
        The written file.

    Raises:
        FileNotFoundError: If there is no such work dir, or no comparison in it.
        PermissionError: If the file cannot be written.
        ValueError: If ``num_keyframes`` is not positive.
    """
    if num_keyframes < 1:
        raise ValueError(f"num_keyframes must be positive, but got {num_keyframes}.")
    work = WorkDir.read(work_dir, comparison)
    work.check_begun()
    out = check_writable_file("--out", out or work_dir / "report.html")
    keyframes, reason = _load_or_explain(
        load_keyframes, work, num_keyframes, "images", list[Keyframe]()
    )
    detections = _load_or_explain(load_detections, work, num_keyframes, "boxes", Detections())
    maps = _load_or_explain(load_maps, work, num_keyframes, "maps", Maps())
    sections = [
        make_section(*part)
        for part in (
            ("results", "Results", lambda: results_section(work)),
            ("training", "Training", lambda: training_section(work)),
            ("cameras", "Cameras", lambda: cameras_section(keyframes, reason)),
            ("clouds", "Point clouds", lambda: clouds_section(work, keyframes, reason)),
            ("similarity", "Similarity", lambda: similarity_section(keyframes, reason)),
            ("boxes", "Boxes", lambda: boxes_section(work, *detections)),
            ("maps", "Maps", lambda: maps_section(work, *maps)),
            ("overview", "Overview", lambda: overview_section(work)),
        )
    ]
    write_whole(out, render_page("Pre-training demo", sections).encode())
    return out


def render_page(
    title: str, sections: list[Section], about: str = "", *, is_synthetic: bool = True
) -> str:
    """Return a page of sections as HTML, with all styles, scripts and data inside.

    Args:
        title: Its title.
        sections: Its sections.
        about: What was compared; empty for the demo.
        is_synthetic: Whether the page says that its data are synthetic.
    """
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
        about=about,
        is_synthetic=is_synthetic,
        version=__version__,
        sections=sections,
        style=Markup((static / "report.css").read_text(encoding="utf-8")),
        deck=_deck_script() if any(section.payload for section in sections) else "",
        deck_license=(static / "deck.gl-LICENSE.txt").read_text(encoding="utf-8"),
        script=_inline_script("\n".join(scripts)),
    )


def _load_or_explain(
    load: Callable[[WorkDir, int], Loaded], work: WorkDir, num: int, what: str, nothing: Loaded
) -> tuple[Loaded, str]:
    """Return the loaded data and "", or ``nothing`` and the reason."""
    logger: MMLogger = MMLogger.get_current_instance()
    try:
        return load(work, num), ""
    except Exception as error:  # whatever a damaged file causes costs only what needs it
        reason = _explain(error)
        logger.warning(f"The report has no {what}: {reason}")
        return nothing, f"No {what}: {reason}"


def make_section(name: str, title: str, make: Callable[[], Section]) -> Section:
    """Return a section, or one that says why it cannot be made.

    Args:
        name: Name of the section.
        title: Its heading.
        make: Function that makes it.
    """
    logger: MMLogger = MMLogger.get_current_instance()
    try:
        return make()
    except Exception as error:  # a page with a gap is better than none
        reason = _explain(error)
        logger.warning(f"The report has no section {name}: {reason}")
        return Section(name, title, missing=(f"This section cannot be shown: {reason}",))


def _explain(error: Exception) -> str:
    """Return the message of an error, with its kind if it is not one of ours."""
    is_ours = isinstance(error, FileNotFoundError | ValueError)
    return str(error) if is_ours else f"{type(error).__name__}: {error}"


def _inline_script(script: str) -> Markup:
    """Return a script that no string inside can close early."""
    return Markup(script.replace("</script", "<\\/script"))


def _deck_script() -> Markup:
    """Return deck.gl, which pydeck ships.

    It draws a point as one instanced quad. Software renderers need seconds for that,
    and most of a minute for plotly's markers, which are meshes.
    """
    try:
        bundle = files("pydeck") / "nbextension" / "static" / "index.js"
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The report needs pydeck; install it with {install_command('report')}."
        ) from error
    return _inline_script(bundle.read_text(encoding="utf-8"))
