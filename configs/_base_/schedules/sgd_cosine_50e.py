"""SGD with a cosine decay over 50 epochs, as published for SLidR and PPKT."""

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.5, momentum=0.9, dampening=0.1, weight_decay=1e-4),
)
# The decay ends with the training: the runner sets its last epoch.
param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=50, val_interval=1)
auto_scale_lr = dict(enable=True, base_batch_size=4)
# Batch norms of the samples of all processes, as in SLidR's code with several GPUs.
sync_batch_norm = True
