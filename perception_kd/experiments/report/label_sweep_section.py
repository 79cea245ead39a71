"""Section of a label sweep: chart, findings in words, and the table."""

from collections.abc import Mapping
from typing import Any

from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan
from perception_kd.experiments.label_sweeps.stage_list import describe_epochs
from perception_kd.experiments.label_sweeps.tables import ResultRow, format_difference
from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.share_chart import draw_shares, pick_colors


def label_sweep_section(
    plan: LabelSweepPlan, rows: list[ResultRow], failures: Mapping[str, str]
) -> Section:
    """Return the section of a label sweep's results.

    Args:
        plan: The label sweep.
        rows: Rows of the evaluations that are done.
        failures: Why stages have failed or were not run, by name.
    """
    colors = pick_colors(list(plan.comparison.initializations))
    names = plan.comparison.initializations
    panels = make_panels(plan, rows)
    content = {
        "chart": draw_shares(panels, "shares") if panels else "",
        "findings": findings(plan, rows),
        "epochs": describe_epochs(plan),
        "rows": [
            {
                **row._asdict(),
                "task": plan.tasks[row.cell.task].about,
                "share": f"{row.cell.share:g} %",
                "name": names[row.initialization],
                "color": colors[row.initialization],
                "difference": format_difference(row.difference),
                "is_found": bool(row.difference and row.difference.is_found),
            }
            for row in rows
        ],
        "baselines": sorted({names[row.baseline] for row in rows}),
    }
    missing = [f"{name} {reason}" for name, reason in failures.items()]
    if not rows:
        missing.append("No evaluation is done yet.")
    return Section("sweep", "Results", content if rows else {}, missing=tuple(missing))


def make_panels(plan: LabelSweepPlan, rows: list[ResultRow]) -> list[dict[str, Any]]:
    """Return the main score of each task, as ``draw_shares`` takes it."""
    colors = pick_colors(list(plan.comparison.initializations))
    names = plan.comparison.initializations
    panels = []
    for key, task in plan.tasks.items():
        metric = next(iter(task.protocols.values())).metrics[0].name
        found = [row for row in rows if row.cell.task == key and row.metric == metric]
        lines = []
        for initialization in dict.fromkeys(row.initialization for row in found):
            own = [row for row in found if row.initialization == initialization]
            lines.append(
                {
                    "name": names[initialization],
                    "color": colors[initialization],
                    "shares": [row.cell.share for row in own],
                    "means": [row.mean for row in own],
                    "stds": [row.std for row in own],
                    "seeds": [list(row.seeds.values()) for row in own],
                }
            )
        if lines:
            panels.append({"title": task.about, "metric": metric, "lines": lines})
    return panels


def findings(plan: LabelSweepPlan, rows: list[ResultRow]) -> list[str]:
    """Return the findings, one sentence per task, score and initialization."""
    names = plan.comparison.initializations
    sentences = []
    groups: dict[tuple[str, str, str], list[ResultRow]] = {}
    for row in rows:
        if row.difference:
            groups.setdefault((row.cell.task, row.metric, row.initialization), []).append(row)
    for (task, metric, initialization), found in groups.items():
        verdicts: dict[str, list[str]] = {}
        for row in found:
            if row.difference:
                text = f"{row.cell.share:g} % ({format_difference(row.difference)})"
                verdicts.setdefault(row.difference.verdict, []).append(text)
        parts = [f"{verdict} at {', '.join(shares)}" for verdict, shares in verdicts.items()]
        sentences.append(
            f"{plan.tasks[task].about}, {metric}: {names[initialization]} against "
            f"{names[found[0].baseline]}: {'; '.join(parts)}."
        )
    return sentences
