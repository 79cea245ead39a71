"""Build the network of a config that weights are imported for."""

from typing import Any

from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope

from perception_kd.api.inference.stored_model import SCOPE, without_starts
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS
from perception_kd.utils.log_levels import only_errors_logged


def build_network(settings: ConfigDict) -> TaskModel:
    """Build a model without the files of weights that its training starts from.

    Args:
        settings: Value of ``model`` in a config.

    Raises:
        ValueError: If it is no model of this project.
    """
    init_default_scope(SCOPE)
    plain: dict[str, Any] = settings.to_dict()
    with only_errors_logged():
        model = MODELS.build(without_starts(plain))
    if not isinstance(model, TaskModel):
        raise ValueError(f"The config builds a {type(model).__name__}, no model of perception_kd.")
    return model
