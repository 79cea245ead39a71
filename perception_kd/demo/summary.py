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
from perception_kd.demo.recipe import ARMS, PRETRAININGS, PROTOCOLS, DemoSettings, Run, list_runs
from perception_kd.demo.stages import DemoError

SCHEMA_VERSION = 1
METRIC = "lidar_seg/miou"
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
        ``results[arm][protocol]`` has percent mIoU as ``seeds`` (by seed, as text),
        their ``mean``, and ``std``, the standard deviation of a sample (n - 1), None
        with one seed; ``settings``, ``seconds``, ``versions`` and ``machine`` say how.

    Raises:
        DemoError: If an evaluation has left no score.
    """
    scores: dict[str, dict[str, dict[str, float]]] = {
        arm: {protocol: {} for protocol in PROTOCOLS} for arm in ARMS
    }
    for run in list_runs(settings):
        scores[run.arm][run.protocol][str(run.seed)] = read_score(settings, run)
    return {
        "schema_version": SCHEMA_VERSION,
        "synthetic": True,
        "note": NOTE,
        "metric": "mIoU in percent over the classes of the validation scenes' points",
        "results": {
            arm: {protocol: describe(seeds) for protocol, seeds in by_protocol.items()}
            for arm, by_protocol in scores.items()
        },
        "settings": {
            "seeds": settings.seeds,
            "tiny": settings.tiny,
            "workers": settings.workers,
            "data_root": str(settings.data_root),
            "info_root": str(settings.info_root),
            "arms": ARMS,
            "pretrainings": {name: p._asdict() for name, p in PRETRAININGS.items()},
            "protocols": {name: p._asdict() for name, p in PROTOCOLS.items()},
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


def read_score(settings: DemoSettings, run: Run) -> float:
    """Return the score of a run in percent, as ``tools/test.py`` left it.

    Raises:
        DemoError: If there is none.
    """
    files = sorted((run.folder(settings) / "test").glob("*/*.json"))
    try:
        return float(json.loads(files[-1].read_text(encoding="utf-8"))[METRIC])
    except (IndexError, KeyError, ValueError) as error:
        raise DemoError(
            f"{run.folder(settings) / 'test'} must hold the scores of an evaluation, but has "
            f"none that can be read ({error}); remove it and run again."
        ) from error


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
    """Return results as a table: a row an arm, a column a protocol."""
    names = [protocol.about for protocol in PROTOCOLS.values()]
    rows = [["mIoU (%)", *names]]
    for arm, about in ARMS.items():
        rows.append([about, *(format_result(results[arm][protocol]) for protocol in PROTOCOLS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(_align(row, widths) for row in rows)


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
    """Join cells, the first to the left, the others to the right."""
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells[1:]])


def _commit(root: Path) -> str | None:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
