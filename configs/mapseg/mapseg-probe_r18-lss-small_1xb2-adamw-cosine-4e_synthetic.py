"""Maps from what frozen cameras see: only the network behind their map is trained.

Give the pre-training's checkpoint with --pretrained; without it the features are those
of the random initialization, the baseline.
"""

_base_ = ["./mapseg_r18-lss-small_1xb2-adamw-cosine-8e_synthetic.py"]

model = dict(freeze_sensors=True)
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=2))
