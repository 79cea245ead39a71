"""AdamW with a warm-up and a cosine decay, for short runs; configs set max_epochs."""

optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=6e-3, weight_decay=1e-2))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=1, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=1, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, val_interval=5)
auto_scale_lr = dict(enable=True, base_batch_size=4)
# Whether batch norms are of the samples of all processes.
sync_batch_norm = False
