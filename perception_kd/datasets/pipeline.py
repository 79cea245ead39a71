"""Pipelines as configs write them: lists of steps, or named steps."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from perception_kd.structures import PipelineStep

Pipeline: TypeAlias = Sequence[PipelineStep] | Mapping[str, PipelineStep | None]


def list_steps(pipeline: Pipeline) -> list[Any]:
    """Return the steps of a pipeline in order.

    Args:
        pipeline: Transforms, or a dict of them by name, so that one config changes a
            step of another by its name. A step that is None or empty is left out.

    Example:
        >>> list_steps({"load": {"type": "LoadPoints"}, "crop": {}, "shuffle": None})
        [{'type': 'LoadPoints'}]
    """
    steps = pipeline.values() if isinstance(pipeline, Mapping) else pipeline
    return [step for step in steps if step is not None and step != {}]
