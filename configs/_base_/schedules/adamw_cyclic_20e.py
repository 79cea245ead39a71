"""AdamW with a cyclic learning rate and momentum over 20 epochs.

mmcv's "cyclic" policy, as in BEVFusion: for 40 % of the epochs the rate rises to ten
times the optimizer's and the momentum falls to 0.85 / 0.95 of it; then the rate falls
to a ten thousandth, and the momentum returns. mmdet3d's cyclic-20e gives the targets of
the momentum as values instead of ratios, so that it would end at 1.
"""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, weight_decay=0.01),
    clip_grad=dict(max_norm=35, norm_type=2),
)
rise = dict(begin=0, end=8, convert_to_iter_based=True)
fall = dict(begin=8, end=20, convert_to_iter_based=True)
param_scheduler = [
    dict(type="CosineAnnealingLR", T_max=8, eta_min_ratio=10, **rise),
    dict(type="CosineAnnealingLR", T_max=12, eta_min_ratio=1e-4, **fall),
    dict(type="CosineAnnealingMomentum", T_max=8, eta_min_ratio=0.85 / 0.95, **rise),
    dict(type="CosineAnnealingMomentum", T_max=12, eta_min_ratio=1, **fall),
]
train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=5)
auto_scale_lr = dict(enable=True, base_batch_size=32)
# Batch norms of the samples of each process, as in BEVFusion's configs.
sync_batch_norm = False
