"""Loss curves of the pre-training and of what was trained on top of it."""

from typing import Any

from perception_kd.visualization.report.charts import draw_curves
from perception_kd.visualization.report.section import Section
from perception_kd.visualization.report.work_dir import ARMS, PRETRAININGS, PROTOCOLS, Run, WorkDir


def training_section(work: WorkDir) -> Section:
    """Draw the loss curves of all runs."""
    curves = {
        **{f"{name} pre-training": pretraining_curves(work, m) for m, name in PRETRAININGS.items()},
        **{title: protocol_curves(work, protocol) for protocol, title in PROTOCOLS.items()},
    }
    charts = [
        {
            "title": title,
            "summary": f"Loss of {title}. {describe(found)}",
            "svg": draw_curves(found, "step", f"loss-{title}"),
        }
        for title, found in curves.items()
        if found
    ]
    missing = [f"{title}: no step is logged yet." for title, found in curves.items() if not found]
    return Section("training", "Training", {"charts": charts}, missing=tuple(missing))


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
        curve(f"{name}, seed {seed}", arm, rows)
        for arm, name in ARMS.items()
        for seed, run in work.runs(protocol, arm).items()
        if (rows := run.training_curve("loss"))
    ]


def validation_curve(run: Run) -> list[tuple[int, float]]:
    """Return the validation loss at the last step of each validated epoch."""
    last_step = {int(epoch): step for step, epoch in run.training_curve("epoch")}
    key = "val/loss_contrast"
    return [
        (last_step[epoch], row[key])
        for epoch, row in run.validations()
        if epoch in last_step and key in row
    ]


def curve(name: str, arm: str, rows: list[tuple[int, float]]) -> dict[str, Any]:
    """Return a curve as :func:`~.charts.draw_curves` takes it."""
    return {"name": name, "arm": arm, "x": [x for x, _ in rows], "y": [y for _, y in rows]}


def describe(curves: list[dict[str, Any]]) -> str:
    """Say where curves begin and end, for those who do not see them."""
    ends = [f"{c['name']} from {c['y'][0]:.2f} to {c['y'][-1]:.2f}" for c in curves]
    return "; ".join(ends) + "."
