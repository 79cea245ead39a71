"""Summary of a demo: ``summary.json``, with results, settings, times and versions."""

import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from perception_kd.experiments.demo import DemoSettings
from perception_kd.experiments.results import collect_results
from perception_kd.utils.cores import count_cores
from perception_kd.version import __version__

_SCHEMA_VERSION = 2
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
        settings: Options of the demo.
        seconds: Wall time of each stage in s, by name.
        root: Folder of the project, for its commit.

    Returns:
        ``results`` as :func:`~.results.collect_results` returns them, ``settings``,
        ``seconds``, ``versions`` and ``machine``.

    Raises:
        ExperimentError: If an evaluation has left no score.
    """
    return {
        "schema_version": _SCHEMA_VERSION,
        "synthetic": True,
        "note": NOTE,
        "results": collect_results(settings.comparison, settings.work_dir),
        "settings": describe_settings(settings),
        **describe_run(seconds, root),
    }


def describe_run(seconds: Mapping[str, float], root: Path) -> dict[str, Any]:
    """Return the times of the stages, versions and machine, as JSON types.

    Args:
        seconds: Wall time of each stage in s, by name.
        root: Folder of the project, for its commit.
    """
    return {
        "seconds": {**seconds, "total": round(sum(seconds.values()), 1)},
        "versions": find_versions(root),
        "machine": {
            "cores": count_cores(),
            "processor": platform.machine(),
            "system": platform.platform(),
        },
        "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def describe_settings(settings: DemoSettings) -> dict[str, Any]:
    """Return the options of a demo, its configs, and names for the reader."""
    comparison = settings.comparison
    return {
        "seeds": settings.seeds,
        "tiny": settings.tiny,
        "full": settings.full,
        "workers": settings.workers,
        "data_root": str(settings.data_root),
        "info_root": str(settings.workspace.info_root),
        # "arms" is what summary.json has always called the initializations.
        "arms": comparison.initializations,
        "configs": {
            **{name: method.config for name, method in comparison.pretrainings.items()},
            **{name: protocol.config for name, protocol in comparison.protocols.items()},
        },
        "protocols": {name: p.about for name, p in comparison.protocols.items()},
    }


def find_versions(root: Path) -> dict[str, str | None]:
    """Return the versions of Python and of the packages used; None where unknown.

    Args:
        root: Folder of the project, for its commit.
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


def _commit(root: Path) -> str | None:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
