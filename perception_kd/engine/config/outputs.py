"""Make a test write predictions for an official evaluation, or images."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.engine.config.overrides import walk_settings
from perception_kd.io.atomic import make_writable_folder
from perception_kd.registry import METRICS

# Argument of a metric that takes the folder of its submission: ours, and mmdet3d's for
# boxes.
_SUBMISSION_FOLDERS = ("submission_dir", "jsonfile_prefix")
_LABEL_STEPS = ("LoadPointLabels",)


def set_submission(cfg: Config, folder: str | Path | None, *, format_only: bool) -> None:
    """Make the metrics of the test write their predictions, in place.

    Args:
        cfg: Config to change.
        folder: Folder of the submission; None is "submission" in the work dir if
            ``format_only``, else nothing is changed.
        format_only: Write predictions and compute nothing. Labels are then not loaded,
            so a test split without labels will do.

    Raises:
        PermissionError: If the folder cannot be written to.
        ValueError: If no metric of the config can write a submission.
    """
    if folder is None and not format_only:
        return
    folder = str(folder or Path(cfg.work_dir) / "submission")
    writing = [
        (metric, name)
        for metric in _walk_typed(cfg.test_evaluator)
        for name in _submission_arguments(metric)
    ]
    if not writing:
        kinds = ", ".join(str(metric["type"]) for metric in _walk_typed(cfg.test_evaluator))
        raise ValueError(f"No metric of test_evaluator can write a submission; it has {kinds}.")
    make_writable_folder("--out-dir", folder)
    for metric, name in writing:
        metric.update({name: folder, "format_only": format_only})
    if format_only:
        cfg.test_evaluator = [metric for metric, _ in writing]
        for settings in _walk_typed(cfg.test_dataloader.dataset):
            if "pipeline" in settings:
                steps = settings["pipeline"]
                settings["pipeline"] = [s for s in steps if s["type"] not in _LABEL_STEPS]


def set_drawing(cfg: Config, folder: str | Path, num_samples: int, min_score: float) -> None:
    """Make a test draw its first samples, in place.

    Args:
        cfg: Config to change.
        folder: Folder for the images, created if missing.
        num_samples: Number of samples to draw.
        min_score: Boxes with a lower score are not drawn.

    Raises:
        PermissionError: If the folder cannot be written to.
    """
    make_writable_folder("--show-dir", folder)
    hook = dict(
        type="DrawPredictionsHook",
        out_dir=str(folder),
        num_samples=num_samples,
        min_score=min_score,
    )
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), hook]


def _submission_arguments(metric: dict[str, Any]) -> list[str]:
    """Return the name of the argument that takes the folder, or nothing."""
    kind = metric["type"]
    metric_class = METRICS.get(kind) if isinstance(kind, str) else kind
    arguments = inspect.signature(metric_class).parameters
    return [n for n in _SUBMISSION_FOLDERS if n in arguments and "format_only" in arguments]


def _walk_typed(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield the dicts that have a type, outermost first."""
    return (each for each in walk_settings(settings) if "type" in each)
