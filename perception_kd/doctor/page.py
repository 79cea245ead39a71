"""The page of ``--report``: one HTML file with all findings and figures inside."""

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from perception_kd.doctor.figures import SampleFigures
from perception_kd.doctor.finding import Finding, Level
from perception_kd.io.atomic import write_whole
from perception_kd.version import __version__


def write_page(path: Path, findings: Sequence[Finding], samples: Sequence[SampleFigures]) -> None:
    """Write the page.

    Args:
        path: File to write, in a folder that exists.
        findings: All findings.
        samples: Figures of samples.
    """
    write_whole(path, render_findings(findings, samples).encode())


def render_findings(findings: Sequence[Finding], samples: Sequence[SampleFigures]) -> str:
    """Return the page as HTML; the most serious findings come first."""
    environment = Environment(
        loader=PackageLoader("perception_kd.doctor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    counts = Counter(finding.level for finding in findings)
    style = files("perception_kd.experiments.report") / "static" / "report.css"
    return environment.get_template("doctor.html").render(
        version=__version__,
        style=Markup(style.read_text(encoding="utf-8")),
        counts={level.value: counts[level] for level in reversed(Level)},
        findings=sorted(findings, key=lambda f: list(Level).index(f.level), reverse=True),
        samples=samples,
    )
