"""Sets a config to write predictions for an official evaluation."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.engine.settings import walk_settings
from perception_kd.registry import METRICS

# What a metric calls the folder of its submission: ours, and mmdet3d's for boxes.
_FOLDERS = ("submission_dir", "jsonfile_prefix")
_LABEL_STEPS = ("LoadPointLabels",)


def set_submission(cfg: Config, folder: str | Path | None, *, format_only: bool) -> None:
    """Make the metrics of the test write their predictions, in place.

    Args:
        cfg: Config to change.
        folder: Folder of the submission; None is "submission" in the work dir where
            ``format_only`` is set, else nothing is changed.
        format_only: Whether nothing is computed. Labels are then not loaded, so a test
            split that has none will do.

    Raises:
        ValueError: If no metric of the config can write a submission.
    """
    if folder is None and not format_only:
        return
    folder = str(folder or Path(cfg.work_dir) / "submission")
    writing = [(m, name) for m in _dicts(cfg.test_evaluator) for name in _accepted(m)]
    if not writing:
        kinds = ", ".join(str(metric.get("type")) for metric in _dicts(cfg.test_evaluator))
        raise ValueError(
            f"test_evaluator must have a metric that can write a submission, but has {kinds}."
        )
    for metric, name in writing:
        metric.update({name: folder, "format_only": format_only})
    if format_only:
        cfg.test_evaluator = [metric for metric, _ in writing]
        for settings in _dicts(cfg.test_dataloader.dataset):
            if isinstance(settings.get("pipeline"), list):
                steps = settings["pipeline"]
                settings["pipeline"] = [s for s in steps if s.get("type") not in _LABEL_STEPS]


def _accepted(metric: dict[str, Any]) -> list[str]:
    """Return the name of the argument that takes the folder, or nothing."""
    kind = metric["type"]
    metric_class = METRICS.get(kind) if isinstance(kind, str) else kind
    arguments = inspect.signature(metric_class).parameters
    return [name for name in _FOLDERS if name in arguments and "format_only" in arguments]


def _dicts(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield the dicts that have a type, outermost first."""
    return (each for each in walk_settings(settings) if "type" in each)
