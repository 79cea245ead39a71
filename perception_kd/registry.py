"""The registries that configs of this project look their types up in.

Each is a child of mmdet3d's registry of the same kind, itself a child of mmengine's.
With ``default_scope = "perception_kd"`` a type is searched here first, then in mmdet3d,
then in mmengine, so mmdet3d's parts need no prefix. ``locations`` are imported on the
first look-up.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from mmdet3d import registry as parent
from mmengine.registry import Registry

_SCOPE = "perception_kd"


def _child(name: str, of: Registry, *locations: str) -> Registry:
    return Registry(name, parent=of, scope=_SCOPE, locations=list(locations))


class _LateRegistry(Registry):
    """A registry some of whose types are imported when they are looked up themselves.

    Args:
        late: Modules of these types, by name.
        settings: Arguments of the registry.
    """

    def __init__(self, *args: Any, late: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._late = dict(late)

    def get(self, key: str) -> Any:
        """Return a type by name, with or without its scope."""
        scope, name = self.split_scope_key(key)
        if scope in (None, self.scope) and name in self._late:
            import_module(self._late[name])
        return super().get(key)


DATASETS = _child(
    "dataset",
    parent.DATASETS,
    "perception_kd.datasets.camera_lidar_dataset",
    "perception_kd.datasets.class_balanced",
)
DATA_SAMPLERS = _child(
    "data sampler", parent.DATA_SAMPLERS, "perception_kd.datasets.distributed_batches"
)
TRANSFORMS = _child("transform", parent.TRANSFORMS, "perception_kd.datasets.transforms")
MODELS = _child("model", parent.MODELS, "perception_kd.models")
HOOKS = _child("hook", parent.HOOKS, "perception_kd.engine.hooks")
METRICS = _LateRegistry(
    "metric",
    parent=parent.METRICS,
    scope=_SCOPE,
    locations=["perception_kd.evaluation.metrics"],
    # The devkit and mmdet3d's metrics take a second to import.
    late={"NuScenesDetMetric": "perception_kd.evaluation.metrics.nuscenes_det_metric"},
)

# The runner and mmdet3d look these up in the default scope; declared empty so that they
# do not warn.
TASK_UTILS = _child("task util", parent.TASK_UTILS, "perception_kd.models")
RUNNERS = _child("runner", parent.RUNNERS, "perception_kd.engine")
RUNNER_CONSTRUCTORS = _child(
    "runner constructor", parent.RUNNER_CONSTRUCTORS, "perception_kd.engine"
)
LOOPS = _child("loop", parent.LOOPS, "perception_kd.engine")
LOG_PROCESSORS = _child("log_processor", parent.LOG_PROCESSORS, "perception_kd.engine")
MODEL_WRAPPERS = _child("model_wrapper", parent.MODEL_WRAPPERS, "perception_kd.engine")
WEIGHT_INITIALIZERS = _child(
    "weight initializer", parent.WEIGHT_INITIALIZERS, "perception_kd.checkpoints.weight_init"
)
OPTIMIZERS = _child("optimizer", parent.OPTIMIZERS, "perception_kd.engine")
OPTIM_WRAPPERS = _child("optim wrapper", parent.OPTIM_WRAPPERS, "perception_kd.engine")
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    "optimizer wrapper constructor",
    parent.OPTIM_WRAPPER_CONSTRUCTORS,
    "perception_kd.engine.run.optim_wrapper_constructor",
)
PARAM_SCHEDULERS = _child("parameter scheduler", parent.PARAM_SCHEDULERS, "perception_kd.engine")
EVALUATOR = _child("evaluator", parent.EVALUATOR, "perception_kd.engine")
VISUALIZERS = _child("visualizer", parent.VISUALIZERS, "perception_kd.visualization")
VISBACKENDS = _child("vis_backend", parent.VISBACKENDS, "perception_kd.engine.trackers")
INFERENCERS = _child("inferencer", parent.INFERENCERS, "perception_kd.engine")
