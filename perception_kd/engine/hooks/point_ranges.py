"""Store the ranges of the points of a training in its checkpoints."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.checkpoints.reading import RANGES_ENTRY
from perception_kd.registry import HOOKS

_INTENSITY = 3  # its column


def read_intensity_range(meta: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the least and the greatest intensity that a checkpoint has noted.

    Args:
        meta: ``meta`` of a checkpoint.

    Returns:
        None if it has noted none.
    """
    try:
        least, greatest = (float(side[_INTENSITY]) for side in meta[RANGES_ENTRY])
    except (LookupError, TypeError, ValueError):
        return None
    return least, greatest


@HOOKS.register_module()
class PointRangesHook(Hook):
    """Write the least and the greatest value of each column of the points.

    Intensities are 0..1 in some data sets and 0..255 in others, and a network learns
    from numbers as they are. ``meta["point_ranges"]`` of a checkpoint has two lists,
    one number per column: of the points of the first batches of one process, as they
    enter the network. A resumed training keeps what its checkpoint has.

    Args:
        num_batches: Number of first batches that are looked at.

    Raises:
        ValueError: If ``num_batches`` is not positive.
    """

    def __init__(self, num_batches: int = 20) -> None:
        if num_batches < 1:
            raise ValueError(f"num_batches must be positive, but got {num_batches}.")
        self._left = num_batches
        self._ranges: list[list[float]] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Take over what the training has noted before."""
        noted = checkpoint.get("meta", {}).get(RANGES_ENTRY)
        if noted is not None:
            self._ranges, self._left = noted, 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Look at one of the first batches, which is not yet on a GPU."""
        if self._left == 0 or not isinstance(data_batch, Mapping):
            return
        inputs = data_batch.get("inputs")
        clouds = inputs.get("points", []) if isinstance(inputs, Mapping) else []
        clouds = [cloud for cloud in clouds if len(cloud)]
        if not clouds:
            return
        self._left -= 1
        ends = torch.stack([end for cloud in clouds for end in torch.aminmax(cloud, dim=0)])
        least, greatest = ends.amin(dim=0).tolist(), ends.amax(dim=0).tolist()
        if self._ranges is not None:
            least = [min(pair) for pair in zip(least, self._ranges[0], strict=True)]
            greatest = [max(pair) for pair in zip(greatest, self._ranges[1], strict=True)]
        self._ranges = [least, greatest]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Add what was noted."""
        if self._ranges is not None:
            checkpoint["meta"][RANGES_ENTRY] = self._ranges
