"""The scores of a task, by the model of its config."""

from collections.abc import Mapping
from typing import Any

from perception_kd.experiments.comparisons import DET_METRICS, LIDARSEG_METRICS, MAPSEG_METRICS
from perception_kd.experiments.trials import Metric

_METRICS = {
    "PointSegmentor": LIDARSEG_METRICS,
    "BEVDetector": DET_METRICS,
    "BEVMapSegmentor": MAPSEG_METRICS,
}


def metrics_of(settings: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Return the scores of the task that a config trains, the main one first.

    Raises:
        ValueError: If its model is not of a task with labels.
    """
    kind = str(settings["model"]["type"])
    if kind not in _METRICS:
        raise ValueError(f"its model {kind} is not a task; tasks are {', '.join(_METRICS)}.")
    return _METRICS[kind]
