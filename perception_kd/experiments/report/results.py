"""Scores of the arms, with their spread over the seeds, and by class."""

from collections.abc import Mapping
from typing import Any

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.experiments import comparisons
from perception_kd.experiments.report.charts import draw_scores
from perception_kd.experiments.report.colors import Color, as_hex, class_colors
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.work_dir import (
    ARMS,
    CLASS_METRICS,
    PROTOCOLS,
    Score,
    WorkDir,
    task_of,
)
from perception_kd.visualization.maps import MAP_COLORS

_GRAY = (128, 128, 128)


def results_section(work: WorkDir) -> Section:
    """Compare the arms under each protocol."""
    protocols, missing = [], []
    for protocol in work.protocols:
        scores = {arm: work.scores(protocol, arm) for arm in comparisons.PROTOCOLS[protocol].arms}
        unscored = [ARMS[arm] for arm, found in scores.items() if not found]
        if unscored:
            missing.append(f"{PROTOCOLS[protocol]}: no result yet of {' and '.join(unscored)}.")
        metrics = [
            {"name": metric.name, "rows": rows, "gains": gains(rows)}
            for metric in comparisons.PROTOCOLS[protocol].metrics
            if (rows := score_rows(scores, metric.name))
        ]
        if metrics:
            protocols.append({"title": PROTOCOLS[protocol], "metrics": metrics})
    content = {
        "protocols": protocols,
        "chart": draw_scores(protocols, "scores") if protocols else "",
        "class_tables": [t for name in work.protocols if (t := class_table(work, name))],
    }
    return Section("results", "Results", content, missing=tuple(missing))


def score_rows(scores: Mapping[str, Mapping[str, Score]], metric: str) -> list[dict[str, Any]]:
    """Return one metric of the arms that have it, as rows of the table.

    Args:
        scores: By arm and metric.
        metric: Name of the metric.
    """
    return [
        {"arm": arm, "name": ARMS[arm], **found[metric]._asdict()}
        for arm, found in scores.items()
        if metric in found
    ]


def gains(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return how many points each pre-trained arm is above the random one."""
    means = {row["arm"]: row["mean"] for row in rows}
    if comparisons.RANDOM not in means:
        return {}
    return {
        arm: mean - means[comparisons.RANDOM]
        for arm, mean in means.items()
        if arm != comparisons.RANDOM
    }


def class_table(work: WorkDir, protocol: str) -> dict[str, Any] | None:
    """Return the score of each class by arm in percent; None where no arm is scored."""
    arms = comparisons.PROTOCOLS[protocol].arms
    scores = {arm: work.class_scores(protocol, arm) for arm in arms}
    names = {name for by_class in scores.values() for name in by_class}
    if not names:
        return None
    colors = known_colors(task_of(protocol))
    rank = {name: i for i, name in enumerate(colors)}
    rows = [
        {
            "name": name.replace("_", " "),
            "color": as_hex(colors.get(name, _GRAY)),
            "scores": {arm: scores[arm].get(name) for arm in arms},
        }
        for name in sorted(names, key=lambda name: (rank.get(name, len(rank)), name))
    ]
    return {
        "title": PROTOCOLS[protocol],
        "metric": CLASS_METRICS[task_of(protocol)].name,
        "arms": {arm: ARMS[arm] for arm in arms},
        "rows": rows,
    }


def known_colors(task: str) -> dict[str, Color]:
    """Return the classes of a task in their order, with their colors."""
    if task == "map":
        return MAP_COLORS
    # nuScenes' classes of boxes are among those of its points.
    return dict(zip(NUSCENES_CLASSES, class_colors(NUSCENES_CLASSES), strict=True))
