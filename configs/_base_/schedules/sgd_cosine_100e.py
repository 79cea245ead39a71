"""SGD with a cosine decay over 100 epochs, as in SLidR's evaluations."""

_base_ = ["./sgd_cosine_50e.py"]

train_cfg = dict(max_epochs=100, val_interval=20)
