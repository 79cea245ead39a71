"""What runs a training: launch, distributed start, checkpoints, optimizers, hooks.

Importing it makes mmengine's checkpoints loadable with ``weights_only`` on (see
:mod:`perception_kd.engine.serialization`).
"""

from perception_kd.engine.optim_wrapper_constructor import CheckedOptimWrapperConstructor
from perception_kd.engine.serialization import allow_mmengine_checkpoints
from perception_kd.engine.weight_init import CheckedPretrainedInit

allow_mmengine_checkpoints()

__all__ = [
    "CheckedOptimWrapperConstructor",
    "CheckedPretrainedInit",
    "allow_mmengine_checkpoints",
]
