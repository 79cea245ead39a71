"""Section of the loss curves of pre-trainings and of trainings on labels."""

import math
from typing import Any

from perception_kd.experiments.report.charts import draw_curves
from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.overview import PRETRAINING
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir


def training_section(work: WorkDir) -> Section:
    """Draw the loss curves of all runs."""
    groups = {
        PRETRAINING: {
            f"{method.about} pre-training": pretraining_curves(work, key)
            for key, method in work.comparison.pretrainings.items()
        },
        "Training on labels": {
            work.comparison.protocol_titles[name]: protocol_curves(work, name)
            for name in work.protocols
        },
    }
    content = {
        "groups": [
            {"title": title, "charts": charts}
            for title, by_name in groups.items()
            if (charts := [draw_chart(name, found) for name, found in by_name.items() if found])
        ]
    }
    missing = [
        f"{name}: no steps logged yet."
        for by_name in groups.values()
        for name, found in by_name.items()
        if not found
    ]
    return Section("training", "Training", content, missing=tuple(missing))


def draw_chart(title: str, curves: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a chart with its title, and a description for screen readers."""
    return {
        "title": title,
        "summary": f"Loss of {title}. {describe_ends(curves)}",
        "svg": draw_curves(curves, "step", f"loss-{title}"),
    }


def pretraining_curves(work: WorkDir, method: str) -> list[dict[str, Any]]:
    """Return the training and validation losses of a pre-training."""
    curves = []
    for seed, run in work.pretrainings(method).items():
        training = run.training_curve("loss")
        if not training:
            continue
        curves.append(make_curve(f"training, seed {seed}", method, training))
        validated = validation_curve(run)
        if validated:
            curves.append(make_curve(f"validation, seed {seed}", "validation", validated))
    return curves


def protocol_curves(work: WorkDir, protocol: str) -> list[dict[str, Any]]:
    """Return the training losses of all runs of a protocol."""
    names = work.comparison.initialization_titles
    return [
        make_curve(f"{names[key]}, seed {seed}", key, rows)
        for key in work.comparison.protocols[protocol].initializations
        for seed, run in work.runs(protocol, key).items()
        if (rows := run.training_curve("loss"))
    ]


def validation_curve(run: TrainingRun) -> list[tuple[int, float]]:
    """Return the validation loss at the last step of each validated epoch.

    Like the training loss, it is the sum of all losses of the method.
    """
    epochs = [(e, step) for step, e in run.training_curve("epoch") if math.isfinite(e)]
    last_step = {int(epoch): step for epoch, step in epochs}
    found = [
        (epoch, [value for key, value in row.items() if key.startswith("val/loss")])
        for epoch, row in run.validations()
    ]
    return [(last_step[e], sum(losses)) for e, losses in found if losses and e in last_step]


def make_curve(name: str, color: str, rows: list[tuple[int, float]]) -> dict[str, Any]:
    """Return a curve for :func:`~.charts.draw_curves`.

    Args:
        name: Name in the legend.
        color: Key of an initialization, or "validation".
        rows: (step, loss) pairs.
    """
    return {"name": name, "color": color, "x": [x for x, _ in rows], "y": [y for _, y in rows]}


def describe_ends(curves: list[dict[str, Any]]) -> str:
    """Return the first and last value of each curve in words."""
    ends = [f"{c['name']} from {c['y'][0]:.2f} to {c['y'][-1]:.2f}" for c in curves]
    return "; ".join(ends) + "."
