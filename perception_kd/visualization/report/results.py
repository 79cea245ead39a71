"""Scores of the arms, with their spread over the seeds, and by class."""

from typing import Any

from perception_kd.datasets.semantic_labels import NUSCENES_CLASSES
from perception_kd.demo.recipe import RANDOM
from perception_kd.visualization.report.charts import draw_scores
from perception_kd.visualization.report.colors import as_hex, class_colors
from perception_kd.visualization.report.section import Section
from perception_kd.visualization.report.work_dir import ARMS, PROTOCOLS, WorkDir

_GRAY = (128, 128, 128)


def results_section(work: WorkDir) -> Section:
    """Compare the arms under each protocol."""
    protocols, missing = [], []
    for protocol, title in PROTOCOLS.items():
        scores = {arm: work.score(protocol, arm) for arm in ARMS}
        missing += [f"{title}, {ARMS[a]}: no result yet." for a, s in scores.items() if s is None]
        rows = [
            {"arm": arm, "name": ARMS[arm], **score._asdict()}
            for arm, score in scores.items()
            if score is not None
        ]
        if rows:
            protocols.append({"title": title, "rows": rows, "gains": gains(rows)})
    content = {
        "protocols": protocols,
        "chart": draw_scores(protocols, "scores") if protocols else "",
        "class_tables": [table for name in PROTOCOLS if (table := class_table(work, name))],
        "arms": ARMS,
    }
    return Section("results", "Results", content, missing=tuple(missing))


def gains(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return how many points each pre-trained arm is above the random one."""
    means = {row["arm"]: row["mean"] for row in rows}
    if RANDOM not in means:
        return {}
    return {arm: mean - means[RANDOM] for arm, mean in means.items() if arm != RANDOM}


def class_table(work: WorkDir, protocol: str) -> dict[str, Any] | None:
    """Return the IoU of each class by arm, in percent; None where no arm is scored."""
    ious = {arm: work.class_ious(protocol, arm) for arm in ARMS}
    names = {name for by_class in ious.values() for name in by_class}
    if not names:
        return None
    rank = {name: i for i, name in enumerate(NUSCENES_CLASSES)}
    colors = dict(zip(NUSCENES_CLASSES, class_colors(NUSCENES_CLASSES), strict=True))
    rows = [
        {
            "name": name.replace("_", " "),
            "color": as_hex(colors.get(name, _GRAY)),
            "ious": {arm: ious[arm].get(name) for arm in ARMS},
        }
        for name in sorted(names, key=lambda name: (rank.get(name, len(rank)), name))
    ]
    scored = {arm: bool(by_class) for arm, by_class in ious.items()}
    return {"title": PROTOCOLS[protocol], "rows": rows, "scored": scored}
