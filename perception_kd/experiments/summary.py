"""What came out of the demo: ``summary.json`` and a short table."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from perception_kd import __version__
from perception_kd.experiments.comparisons import ARMS, PRETRAININGS, PROTOCOLS, Metric
from perception_kd.experiments.demo import DemoSettings, Run, list_runs
from perception_kd.experiments.stages import DemoError

SCHEMA_VERSION = 2
NOTE = (
    "Synthetic data: a drawn world, for trying and testing. No number here says anything about "
    "the real world."
)
_PACKAGES = ("torch", "mmengine", "mmcv", "mmdet", "mmdet3d", "spconv", "numpy", "nuscenes-devkit")


def make_summary(
    settings: DemoSettings, seconds: Mapping[str, float], root: Path
) -> dict[str, Any]:
    """Return the summary of a demo whose evaluations are done, as JSON types.

    Args:
        settings: Of the demo.
        seconds: Wall time of each stage in s, by name.
        root: Folder of the project, for its commit.

    Returns:
        ``results[protocol][arm][metric]`` has percentages as ``seeds`` (by seed, as
        text), their ``mean``, and ``std``, the standard deviation of a sample (n - 1),
        None with one seed; ``settings``, ``seconds``, ``versions`` and ``machine`` say
        how.

    Raises:
        DemoError: If an evaluation has left no score.
    """
    runs = list_runs(settings)
    results = {
        name: {
            arm: describe_runs(settings, [r for r in runs if (r.protocol, r.arm) == (name, arm)])
            for arm in protocol.arms
        }
        for name, protocol in settings.protocols.items()
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "synthetic": True,
        "note": NOTE,
        "results": results,
        "settings": {
            "seeds": settings.seeds,
            "tiny": settings.tiny,
            "full": settings.full,
            "workers": settings.workers,
            "data_root": str(settings.data_root),
            "info_root": str(settings.info_root),
            "arms": ARMS,
            "configs": {
                **{name: pretraining.config for name, pretraining in PRETRAININGS.items()},
                **{name: protocol.config for name, protocol in settings.protocols.items()},
            },
            "protocols": {name: p.about for name, p in settings.protocols.items()},
        },
        "seconds": {**seconds, "total": round(sum(seconds.values()), 1)},
        "versions": find_versions(root),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": platform.machine(),
            "system": platform.platform(),
        },
        "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def describe_runs(settings: DemoSettings, runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Return what runs that differ by their seeds have scored, by metric.

    Raises:
        DemoError: If an evaluation has left no score.
    """
    scores = {str(run.seed): read_scores(settings, run) for run in runs}
    metrics = PROTOCOLS[runs[0].protocol].metrics
    return {m.name: describe({s: found[m.name] for s, found in scores.items()}) for m in metrics}


def read_scores(settings: DemoSettings, run: Run) -> dict[str, float]:
    """Return the scores of a run in percent by metric, as ``tools/test.py`` left them.

    Raises:
        DemoError: If there are none.
    """
    files = sorted((run.folder(settings) / "test").glob("*/*.json"))
    try:
        found = json.loads(files[-1].read_text(encoding="utf-8"))
        return pick_scores(found, PROTOCOLS[run.protocol].metrics)
    except (IndexError, KeyError, ValueError) as error:
        raise DemoError(
            f"{run.folder(settings) / 'test'} must hold the scores of an evaluation, but has "
            f"none that can be read ({error}); remove it and run again."
        ) from error


def pick_scores(found: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return scores in percent by the name of the metric.

    Raises:
        KeyError: If one is not among those found.
    """
    return {metric.name: metric.scale * float(found[metric.key]) for metric in metrics}


def describe(seeds: Mapping[str, float]) -> dict[str, Any]:
    """Return scores by seed with their mean and standard deviation.

    Example:
        >>> describe({"0": 20.0, "1": 24.0})
        {'seeds': {'0': 20.0, '1': 24.0}, 'mean': 22.0, 'std': 2.8284271247461903}
        >>> describe({"0": 20.0})["std"] is None
        True
    """
    values = list(seeds.values())
    return {
        "seeds": dict(seeds),
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
    }


def find_versions(root: Path) -> dict[str, str | None]:
    """Return the versions of what took part; None for what is not known.

    Args:
        root: Folder of the project; its commit is known where it is a git repository.
    """
    versions: dict[str, str | None] = {
        "perception_kd": __version__,
        "commit": _commit(root),
        "python": platform.python_version(),
    }
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def format_table(results: Mapping[str, Any]) -> str:
    """Return results as a table: rows of protocols and metrics, a column an arm."""
    arms = [arm for arm in ARMS if any(arm in by_arm for by_arm in results.values())]
    rows = [["", "%", *(ARMS[arm] for arm in arms)]]
    for protocol, by_arm in results.items():
        about = PROTOCOLS[protocol].about
        for metric in PROTOCOLS[protocol].metrics:
            cells = [format_result(by_arm[a][metric.name]) if a in by_arm else "" for a in arms]
            rows.append([about, metric.name, *cells])
            about = ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(_align(row, widths).rstrip() for row in rows)


def format_result(result: Mapping[str, Any]) -> str:
    """Return a mean with its standard deviation where there is one.

    Example:
        >>> format_result({"mean": 22.04, "std": 2.83})
        '22.0 ± 2.8'
        >>> format_result({"mean": 22.04, "std": None})
        '22.0'
    """
    std = result["std"]
    return f"{result['mean']:.1f}" + ("" if std is None else f" ± {std:.1f}")


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    """Join cells, the first two to the left, the others to the right."""
    left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  ".join([*left, *right])


def _commit(root: Path) -> str | None:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
