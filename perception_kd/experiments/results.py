"""Scores of a comparison: read from its evaluations, averaged, and as a table."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.experiments.stages import ExperimentError
from perception_kd.experiments.trials import Comparison, Metric, Trial
from perception_kd.utils.checks import is_number

Results = dict[str, dict[str, dict[str, dict[str, Any]]]]


def collect_results(comparison: Comparison, work_dir: Path) -> Results:
    """Return the scores of a comparison whose evaluations are done, as JSON types.

    Returns:
        ``results[protocol][initialization][metric]`` as :func:`average` returns them.

    Raises:
        ExperimentError: If an evaluation has left no score.
    """
    trials = comparison.trials()
    return {
        name: {
            initialization: _average_trials(
                comparison,
                work_dir,
                [t for t in trials if (t.protocol, t.initialization) == (name, initialization)],
            )
            for initialization in protocol.initializations
        }
        for name, protocol in comparison.protocols.items()
    }


def read_scores(trial: Trial, metrics: Sequence[Metric], work_dir: Path) -> dict[str, float]:
    """Return the scores of a trial in percent, by the name of the metric.

    Args:
        trial: The trial.
        metrics: Metrics of its protocol.
        work_dir: Folder of the experiment.

    Raises:
        ExperimentError: If ``tools/test.py`` has written none.
    """
    folder = trial.folder(work_dir) / "test"
    files = sorted(folder.glob("*/*.json"))
    try:
        return pick_scores(json.loads(files[-1].read_text(encoding="utf-8")), metrics)
    except (IndexError, KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise ExperimentError(
            f"{folder} has no readable scores of an evaluation ({error}); remove it and run again."
        ) from error


def pick_scores(found: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return scores in percent by the name of the metric.

    Args:
        found: Scores as written by ``tools/test.py``.
        metrics: Metrics to pick.

    Raises:
        KeyError: If a metric is missing.
        ValueError: If one is not a finite number, as of a network that has diverged.
    """
    scores = {}
    for metric in metrics:
        value = found[metric.key]
        if not is_number(value) or not math.isfinite(metric.scale * float(value)):
            raise ValueError(f"{metric.name} is {value!r:.40}")
        scores[metric.name] = metric.scale * float(value)
    return scores


def average(seeds: Mapping[str, float]) -> dict[str, Any]:
    """Return scores by seed with their mean and standard deviation.

    Returns:
        ``seeds``; ``mean``; and ``std``, the sample standard deviation (n - 1), None
        with one seed.

    Example:
        >>> average({"0": 20.0, "1": 24.0})
        {'seeds': {'0': 20.0, '1': 24.0}, 'mean': 22.0, 'std': 2.8284271247461903}
        >>> average({"0": 20.0})["std"] is None
        True
    """
    values = list(seeds.values())
    return {
        "seeds": dict(seeds),
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
    }


def format_table(results: Mapping[str, Any], comparison: Comparison) -> str:
    """Format results as a table.

    Args:
        results: As :func:`collect_results` returns them; may lack protocols.
        comparison: The comparison.

    Returns:
        One row per protocol and metric, one column per initialization.
    """
    names = {
        key: name
        for key, name in comparison.initializations.items()
        if any(key in scores for scores in results.values())
    }
    rows = [["", "%", *names.values()]]
    for protocol, scores in results.items():
        about = comparison.protocols[protocol].about
        for metric in comparison.protocols[protocol].metrics:
            cells = [
                format_score(scores[key][metric.name]) if key in scores else "" for key in names
            ]
            rows.append([about, metric.name, *cells])
            about = ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(_align(row, widths).rstrip() for row in rows)


def format_score(score: Mapping[str, Any]) -> str:
    """Format a mean, with its standard deviation where there is one.

    Example:
        >>> format_score({"mean": 22.04, "std": 2.83})
        '22.0 ± 2.8'
        >>> format_score({"mean": 22.04, "std": None})
        '22.0'
    """
    std = score["std"]
    return f"{score['mean']:.1f}" + ("" if std is None else f" ± {std:.1f}")


def _average_trials(
    comparison: Comparison, work_dir: Path, trials: Sequence[Trial]
) -> dict[str, dict[str, Any]]:
    """Return the average over trials that differ only in their seeds, by metric."""
    metrics = comparison.protocols[trials[0].protocol].metrics
    scores = {str(trial.seed): read_scores(trial, metrics, work_dir) for trial in trials}
    return {m.name: average({seed: row[m.name] for seed, row in scores.items()}) for m in metrics}


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    """Join cells, the first two left-aligned, the others right-aligned."""
    left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  ".join([*left, *right])
