"""Section of scores by initialization, with their spread over seeds, and by class."""

from collections.abc import Mapping
from typing import Any

from perception_kd.experiments.label_sweeps.tables import format_difference
from perception_kd.experiments.report.charts import draw_scores
from perception_kd.experiments.report.encoding import as_hex
from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.summary_file import Score
from perception_kd.experiments.report.work_dir import CLASS_METRICS, WorkDir
from perception_kd.experiments.statistics import paired_difference
from perception_kd.experiments.trials import RANDOM
from perception_kd.visualization.maps import MAP_COLORS
from perception_kd.visualization.point_classes import NUSCENES_COLORS

_GRAY = (128, 128, 128)


def results_section(work: WorkDir) -> Section:
    """Compare the initializations under each protocol: table, chart, and sentences."""
    protocols, missing = [], []
    names = work.comparison.initialization_titles
    for protocol in work.protocols:
        title = work.comparison.protocol_titles[protocol]
        scores = {
            initialization: work.scores(protocol, initialization)
            for initialization in work.comparison.protocols[protocol].initializations
        }
        unscored = [names[key] for key, found in scores.items() if not found]
        if unscored:
            missing.append(f"{title}: no result of {' and '.join(unscored)} yet.")
        metrics = [
            {"name": metric.name, "rows": rows, "gains": gains(rows)}
            for metric in work.comparison.protocols[protocol].metrics
            if (rows := score_rows(scores, metric.name, names))
        ]
        if metrics:
            protocols.append({"title": title, "metrics": metrics})
    content = {
        "protocols": protocols,
        "chart": draw_scores(protocols, "scores") if protocols else "",
        "findings": [s for found in protocols for s in describe_gains(found)],
        "class_tables": [t for name in work.protocols if (t := class_table(work, name))],
    }
    return Section("results", "Results", content, missing=tuple(missing))


def score_rows(
    scores: Mapping[str, Mapping[str, Score]], metric: str, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows of one metric, for the initializations that have it.

    Args:
        scores: Scores by initialization and metric.
        metric: Name of the metric.
        names: Names for the reader of the initializations, by key.
    """
    return [
        {"initialization": key, "name": names[key], **found[metric]._asdict()}
        for key, found in scores.items()
        if metric in found
    ]


def gains(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the gain of each pre-training over random weights, in points."""
    means = {row["initialization"]: row["mean"] for row in rows}
    if RANDOM not in means:
        return {}
    return {key: mean - means[RANDOM] for key, mean in means.items() if key != RANDOM}


def describe_gains(protocol: Mapping[str, Any]) -> list[str]:
    """Return what was found, one sentence per score and pre-training.

    Args:
        protocol: ``title`` and ``metrics``, each with ``name`` and ``rows``.
    """
    sentences = []
    for metric in protocol["metrics"]:
        rows = {row["initialization"]: row for row in metric["rows"]}
        for key, row in rows.items():
            if key == RANDOM or RANDOM not in rows:
                continue
            if found := paired_difference(row["seeds"], rows[RANDOM]["seeds"]):
                sentences.append(
                    f"{protocol['title']}, {metric['name']}: {row['name']} against "
                    f"{rows[RANDOM]['name']}: {found.verdict} ({format_difference(found)})."
                )
    return sentences


def class_table(work: WorkDir, protocol: str) -> dict[str, Any] | None:
    """Return class scores by initialization in percent; None without any score."""
    task = work.comparison.protocols[protocol].task
    titles = work.comparison.initialization_titles
    initializations = work.comparison.protocols[protocol].initializations
    scores = {key: work.class_scores(protocol, key) for key in initializations}
    names = {name for by_class in scores.values() for name in by_class}
    if not names:
        return None
    # The classes of boxes are a subset of those of points.
    colors = MAP_COLORS if task == "map" else NUSCENES_COLORS
    rank = {name: i for i, name in enumerate(colors)}
    rows = [
        {
            "name": name.replace("_", " "),
            "color": as_hex(colors.get(name, _GRAY)),
            "scores": {key: scores[key].get(name) for key in initializations},
        }
        for name in sorted(names, key=lambda name: (rank.get(name, len(rank)), name))
    ]
    return {
        "title": work.comparison.protocol_titles[protocol],
        "metric": CLASS_METRICS[task].name,
        "initializations": {key: titles[key] for key in initializations},
        "rows": rows,
    }
