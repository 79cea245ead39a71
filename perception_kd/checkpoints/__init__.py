"""Weights of checkpoints: reading, loading with a report, initialization.

Importing it makes mmengine's checkpoints loadable with ``weights_only`` on (see
:mod:`perception_kd.checkpoints.serialization`).
"""

from perception_kd.checkpoints.serialization import allow_mmengine_checkpoints

allow_mmengine_checkpoints()

__all__ = ["allow_mmengine_checkpoints"]
