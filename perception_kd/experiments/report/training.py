"""Loss curves of the pre-training and of what was trained on top of it."""

from typing import Any

from perception_kd.experiments import comparisons
from perception_kd.experiments.report.charts import draw_curves
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.work_dir import ARMS, PRETRAININGS, PROTOCOLS, Run, WorkDir


def training_section(work: WorkDir) -> Section:
    """Draw the loss curves of all runs."""
    groups = {
        "Pre-training, without labels": {
            f"{name} pre-training": pretraining_curves(work, m) for m, name in PRETRAININGS.items()
        },
        "On labels": {PROTOCOLS[name]: protocol_curves(work, name) for name in work.protocols},
    }
    content = {
        "groups": [
            {"title": title, "charts": charts}
            for title, by_name in groups.items()
            if (charts := [draw_chart(name, found) for name, found in by_name.items() if found])
        ]
    }
    missing = [
        f"{name}: no step is logged yet."
        for by_name in groups.values()
        for name, found in by_name.items()
        if not found
    ]
    return Section("training", "Training", content, missing=tuple(missing))


def draw_chart(title: str, curves: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a chart with its title, and with its content in words."""
    return {
        "title": title,
        "summary": f"Loss of {title}. {describe(curves)}",
        "svg": draw_curves(curves, "step", f"loss-{title}"),
    }


def pretraining_curves(work: WorkDir, method: str) -> list[dict[str, Any]]:
    """Return the loss of a pre-training by step, and where it was validated."""
    curves = []
    for seed, run in work.pretrainings(method).items():
        training = run.training_curve("loss")
        if not training:
            continue
        curves.append(curve(f"training, seed {seed}", method, training))
        validated = validation_curve(run)
        if validated:
            curves.append(curve(f"validation, seed {seed}", "validation", validated))
    return curves


def protocol_curves(work: WorkDir, protocol: str) -> list[dict[str, Any]]:
    """Return the training loss of every run of a protocol."""
    return [
        curve(f"{ARMS[arm]}, seed {seed}", arm, rows)
        for arm in comparisons.PROTOCOLS[protocol].arms
        for seed, run in work.runs(protocol, arm).items()
        if (rows := run.training_curve("loss"))
    ]


def validation_curve(run: Run) -> list[tuple[int, float]]:
    """Return the validation loss at the last step of each validated epoch.

    It is the sum of what the method's losses are, as in training.
    """
    last_step = {int(epoch): step for step, epoch in run.training_curve("epoch")}
    found = [
        (epoch, [value for key, value in row.items() if key.startswith("val/loss")])
        for epoch, row in run.validations()
    ]
    return [(last_step[e], sum(losses)) for e, losses in found if losses and e in last_step]


def curve(name: str, arm: str, rows: list[tuple[int, float]]) -> dict[str, Any]:
    """Return a curve as :func:`~.charts.draw_curves` takes it."""
    return {"name": name, "arm": arm, "x": [x for x, _ in rows], "y": [y for _, y in rows]}


def describe(curves: list[dict[str, Any]]) -> str:
    """Say where curves begin and end, for those who do not see them."""
    ends = [f"{c['name']} from {c['y'][0]:.2f} to {c['y'][-1]:.2f}" for c in curves]
    return "; ".join(ends) + "."
