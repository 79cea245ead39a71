"""Launch, distributed start, optimizers and hooks of trainings and tests."""

from perception_kd.checkpoints.weight_init import CheckedPretrainedInit
from perception_kd.engine.optim_wrapper_constructor import CheckedOptimWrapperConstructor

__all__ = ["CheckedOptimWrapperConstructor", "CheckedPretrainedInit"]
