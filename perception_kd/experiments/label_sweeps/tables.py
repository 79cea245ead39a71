"""The results of a label sweep as rows, a CSV file and a Markdown table."""

import csv
import io
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from perception_kd.experiments.configs import config_epochs
from perception_kd.experiments.label_sweeps.settings import Cell, LabelSweepPlan
from perception_kd.experiments.results import average, format_score, read_scores
from perception_kd.experiments.statistics import PairedDifference, paired_difference
from perception_kd.experiments.trials import Protocol, Trial

_COLUMNS = (
    *("task", "labels_percent", "epochs", "metric", "initialization", "seeds", "mean", "std"),
    *("baseline", "difference", "difference_low", "difference_high"),
)
_TITLES = ("Task", "Labels", "Epochs", "Score (%)", "Initialization", "Seeds", "Mean ± std.")


class ResultRow(NamedTuple):
    """One score of one initialization on one task with one share of the labels.

    Attributes:
        cell: Task and share of the labels.
        epochs: Number of epochs.
        metric: Name of the score.
        initialization: Key of the initialization.
        seeds: Scores in percent by seed.
        mean: Their mean.
        std: Their sample standard deviation; None with one seed.
        baseline: Key of the initialization that it is compared with.
        difference: Difference to the baseline in points; None where it has no scores,
            and for the baseline itself.
    """

    cell: Cell
    epochs: int
    metric: str
    initialization: str
    seeds: dict[str, float]
    mean: float
    std: float | None
    baseline: str
    difference: PairedDifference | None


def result_rows(plan: LabelSweepPlan, work_dir: Path, done: Collection[str]) -> list[ResultRow]:
    """Return the rows of all evaluations that are done.

    Args:
        plan: The label sweep.
        work_dir: Its folder.
        done: Names of the stages that are up to date.

    Raises:
        ExperimentError: If an evaluation that is done has left no scores.
    """
    comparison = plan.comparison
    rows = []
    for cell in plan.cells():
        protocol = comparison.protocols[cell.key]
        scores = {
            key: {
                str(trial.seed): read_scores(trial, protocol.metrics, work_dir)
                for seed in range(plan.seeds)
                if f"{(trial := Trial(cell.key, key, seed)).name}-test" in done
            }
            for key in protocol.initializations
        }
        rows += _rows_of(plan, cell, protocol, scores)
    return rows


def _rows_of(
    plan: LabelSweepPlan,
    cell: Cell,
    protocol: Protocol,
    scores: dict[str, dict[str, dict[str, float]]],
) -> list[ResultRow]:
    baseline = plan.baseline_of(cell.task)
    rows = []
    for metric in protocol.metrics:
        values = {
            key: {seed: found[metric.name] for seed, found in by_seed.items()}
            for key, by_seed in scores.items()
        }
        for key, seeds in values.items():
            if seeds:
                other = None if key == baseline else paired_difference(seeds, values[baseline])
                epochs = protocol.epochs or config_epochs(protocol.config)
                rows.append(
                    ResultRow(
                        cell,
                        epochs,
                        metric.name,
                        key,
                        **average(seeds),
                        baseline=baseline,
                        difference=other,
                    )
                )
    return rows


def format_csv(rows: list[ResultRow]) -> str:
    """Return rows as the text of a CSV file, numbers in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        difference = row.difference or PairedDifference(0.0, None, None, 0)
        ends = (difference.mean, difference.low, difference.high) if row.difference else ("",) * 3
        writer.writerow(
            [
                *(row.cell.task, f"{row.cell.share:g}", row.epochs, row.metric),
                *(row.initialization, len(row.seeds), row.mean, row.std, row.baseline),
                *("" if value is None else value for value in ends),
            ]
        )
    return out.getvalue()


def format_markdown(rows: list[ResultRow], plan: LabelSweepPlan) -> str:
    """Return rows as a Markdown table."""
    names = plan.comparison.initializations
    cells = [
        [
            plan.tasks[row.cell.task].about,
            f"{row.cell.share:g} %",
            str(row.epochs),
            row.metric,
            names[row.initialization],
            str(len(row.seeds)),
            format_score(row._asdict()),
            format_difference(row.difference),
        ]
        for row in rows
    ]
    lines = [[*_TITLES, "Difference to the baseline, 95 % interval"], ["---"] * 8, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_difference(difference: PairedDifference | None) -> str:
    """Format a difference with its confidence interval.

    Example:
        >>> format_difference(PairedDifference(2.04, 0.31, 3.77, 3))
        '+2.0 [+0.3, +3.8]'
        >>> format_difference(PairedDifference(-1.0, None, None, 1))
        '-1.0'
    """
    if difference is None:
        return ""
    ends = f" [{difference.low:+.1f}, {difference.high:+.1f}]" if difference.low is not None else ""
    return f"{difference.mean:+.1f}{ends}"
