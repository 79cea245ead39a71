"""Hooks, logs, seed and processes, shared by every run."""

default_scope = "perception_kd"

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=10),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="WholeCheckpointHook", interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # Not in custom_hooks, since a leaf config would replace that list.
    dataset_epoch=dict(type="DatasetEpochHook"),
    epoch_seed=dict(type="EpochSeedHook"),
    run_summary=dict(type="RunSummaryHook"),
    point_ranges=dict(type="PointRangesHook"),
    broadcast_buffers=dict(type="BroadcastBuffersHook"),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    # In s: how long a process waits for another one that has died or hangs.
    dist_cfg=dict(backend="nccl", timeout=600),
)

vis_backends = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]
visualizer = dict(type="Visualizer", vis_backends=vis_backends)
log_processor = dict(type="LogProcessor", window_size=50, by_epoch=True)
log_level = "INFO"

load_from = None
resume = False
randomness = dict(seed=0)
