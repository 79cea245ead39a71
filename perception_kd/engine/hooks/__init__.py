"""Hooks of the training loop."""

from perception_kd.engine.hooks.broadcast_buffers import BroadcastBuffersHook
from perception_kd.engine.hooks.channels_last import ChannelsLastHook
from perception_kd.engine.hooks.compile_dense import CompileDenseHook
from perception_kd.engine.hooks.dataset_epoch import DatasetEpochHook
from perception_kd.engine.hooks.draw_predictions import DrawPredictionsHook
from perception_kd.engine.hooks.empty_batches import EmptyBatchesHook
from perception_kd.engine.hooks.epoch_seed import EpochSeedHook
from perception_kd.engine.hooks.load_pretrained import LoadPretrainedHook
from perception_kd.engine.hooks.non_finite import NonFiniteHook
from perception_kd.engine.hooks.point_ranges import PointRangesHook
from perception_kd.engine.hooks.process_use import ProcessUseHook
from perception_kd.engine.hooks.run_summary import RunSummaryHook
from perception_kd.engine.hooks.time_limit import TimeLimitHook
from perception_kd.engine.hooks.whole_checkpoint import WholeCheckpointHook

__all__ = [
    "BroadcastBuffersHook",
    "ChannelsLastHook",
    "CompileDenseHook",
    "DatasetEpochHook",
    "DrawPredictionsHook",
    "EmptyBatchesHook",
    "EpochSeedHook",
    "LoadPretrainedHook",
    "NonFiniteHook",
    "PointRangesHook",
    "ProcessUseHook",
    "RunSummaryHook",
    "TimeLimitHook",
    "WholeCheckpointHook",
]
