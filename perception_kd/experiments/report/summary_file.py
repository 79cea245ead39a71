"""The summary of a demo, read for the report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.experiments.report.stored import Damage, read_object, to_number

_SECTIONS = ("results", "settings", "seconds", "versions", "machine")


class Score(NamedTuple):
    """One metric of one initialization under one protocol, in percent.

    Attributes:
        seeds: Score of each seed.
        mean: Mean over the seeds.
        std: Sample standard deviation (n - 1); None with one seed.
    """

    seeds: dict[str, float]
    mean: float
    std: float | None


def read_summary(path: Path, damage: Damage) -> dict[str, Any]:
    """Return the usable parts of ``summary.json``.

    Args:
        path: The file; may be missing.
        damage: Notes on damaged files, to which this one is added.

    Returns:
        Empty before the file is written; else ``settings``, ``seconds``, ``versions``
        and ``machine`` as dicts, and ``results`` with a :class:`Score` by protocol,
        initialization and metric.
    """
    if not path.exists():
        return {}
    content = read_object(path, damage)
    if not content:
        return {}
    faulty = [name for name in _SECTIONS if not isinstance(content.get(name, {}), dict)]
    summary = {name: {} if name in faulty else content.get(name, {}) for name in _SECTIONS}
    seconds = {name: to_number(value) for name, value in summary["seconds"].items()}
    summary["seconds"] = {n: value for n, value in seconds.items() if value is not None}
    faulty += ["seconds"] if len(summary["seconds"]) < len(seconds) else []
    results: dict[str, dict[str, dict[str, Score]]] = {}
    for (protocol, key, metric), score in _walk_scores(summary["results"]):
        if score is None:
            faulty.append("results")
        else:
            results.setdefault(protocol, {}).setdefault(key, {})[metric] = score
    for name in dict.fromkeys(faulty):
        damage[f"{path} is damaged: a part of its {name} was left out."] = None
    return {**summary, "results": results}


def _walk_scores(results: Any) -> Iterator[tuple[tuple[str, str, str], Score | None]]:
    """Yield protocol, initialization and metric with its score; None if damaged."""
    for protocol, by_key in results.items():
        for key, by_metric in by_key.items() if isinstance(by_key, dict) else [("", None)]:
            scores = by_metric.items() if isinstance(by_metric, dict) else [("", None)]
            for metric, entry in scores:
                yield (protocol, key, metric), _parse_score(entry)


def _parse_score(entry: Any) -> Score | None:
    """Return a score as :func:`~perception_kd.experiments.results.average` makes it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("seeds"), dict):
        return None
    seeds = {key: to_number(value) for key, value in entry["seeds"].items()}
    whole = {key: value for key, value in seeds.items() if value is not None}
    mean, std = to_number(entry.get("mean")), to_number(entry.get("std"))
    has_std = std is not None or entry.get("std") is None
    if mean is None or not has_std or not whole or len(whole) < len(seeds):
        return None
    return Score(whole, mean, std)
