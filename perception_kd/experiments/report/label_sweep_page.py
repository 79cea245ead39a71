"""Writes the results of a label sweep: tables, chart, summary and one page."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan
from perception_kd.experiments.label_sweeps.tables import (
    ResultRow,
    format_csv,
    format_markdown,
    result_rows,
)
from perception_kd.experiments.report.label_sweep_section import label_sweep_section, make_panels
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.page import make_section, render_page
from perception_kd.experiments.report.share_chart import draw_shares, standalone
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.experiments.results import average
from perception_kd.experiments.summary import describe_run
from perception_kd.experiments.workspace import Workspace
from perception_kd.io.atomic import write_json, write_whole

_SCHEMA_VERSION = 1


def write_label_sweep_results(
    plan: LabelSweepPlan,
    workspace: Workspace,
    *,
    done: Collection[str],
    failures: Mapping[str, str],
    seconds: Mapping[str, float],
    root: Path,
) -> list[ResultRow]:
    """Write ``results.csv``, ``results.md``, ``chart.svg``, ``report.html``, a summary.

    Args:
        plan: The label sweep.
        workspace: Its folders; the files are written to the work dir.
        done: Names of the stages that are up to date.
        failures: Why stages have failed or were not run, by name.
        seconds: Wall time of each stage in s, by name.
        root: Folder of the project, for its commit.

    Returns:
        The rows of the table.

    Raises:
        ExperimentError: If an evaluation that is done has left no scores.
    """
    folder = workspace.work_dir
    rows = result_rows(plan, folder, done)
    write_whole(folder / "results.csv", format_csv(rows).encode())
    write_whole(folder / "results.md", f"{format_markdown(rows, plan)}\n".encode())
    if panels := make_panels(plan, rows):
        write_whole(folder / "chart.svg", standalone(draw_shares(panels, "shares")).encode())
    summary = {
        "schema_version": _SCHEMA_VERSION,
        "results": _nest(rows),
        "settings": _settings(plan, workspace),
        "failures": dict(failures),
        **describe_run(seconds, root),
    }
    write_json(folder / "summary.json", summary)
    work = WorkDir.read(folder, plan.comparison)
    sections = [
        make_section("sweep", "Results", lambda: label_sweep_section(plan, rows, failures)),
        make_section("overview", "Overview", lambda: overview_section(work)),
    ]
    about = (
        "Networks that were pre-trained without labels, and one that starts from random weights, "
        "are trained on shares of the labels and compared."
    )
    is_synthetic = plan.data.synthetic is not None
    page = render_page(plan.about, sections, about, is_synthetic=is_synthetic)
    write_whole(folder / "report.html", page.encode())
    return rows


def _nest(rows: list[ResultRow]) -> dict[str, Any]:
    """Return scores by protocol, initialization and metric, as in a demo's summary."""
    results: dict[str, Any] = {}
    for row in rows:
        by_key = results.setdefault(row.cell.key, {})
        by_key.setdefault(row.initialization, {})[row.metric] = average(row.seeds)
    return results


def _settings(plan: LabelSweepPlan, workspace: Workspace) -> dict[str, Any]:
    comparison = plan.comparison
    return {
        "sweep": plan.name,
        "seeds": plan.seeds,
        "baseline": plan.baseline,
        "data_root": str(workspace.data_root),
        "info_root": str(workspace.info_root),
        "configs": {
            **{k: p.config or p.checkpoint for k, p in comparison.pretrainings.items()},
            **{key: protocol.config for key, protocol in comparison.protocols.items()},
        },
    }
