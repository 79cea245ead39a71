"""Maps from a frozen camera network: only the layers after its BEV map are trained.

Pass the pre-trained checkpoint by --pretrained; without it, the features are those of
the random initialization, the baseline.
"""

_base_ = ["./mapseg_r18-lss-small_1xb2-adamw-cosine-8e_synthetic.py"]

model = dict(freeze_sensors=True)
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=2))
