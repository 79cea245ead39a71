"""Weights of checkpoints: reading, loading with a report, initialization.

Importing it makes mmengine's checkpoints loadable with ``weights_only`` on (see
:mod:`perception_kd.checkpoints.serialization`), and mmengine read local files with the
same checks.
"""

from perception_kd.checkpoints.local_loading import register_local_loading
from perception_kd.checkpoints.serialization import allow_mmengine_checkpoints

allow_mmengine_checkpoints()
register_local_loading()

__all__ = ["allow_mmengine_checkpoints", "register_local_loading"]
