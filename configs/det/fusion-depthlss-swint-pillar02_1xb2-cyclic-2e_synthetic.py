"""A small twin on synthetic data."""

_base_ = ["./fusion-lss-swint-pillar02_1xb2-cyclic-2e_synthetic.py"]

model = dict(view_transform=dict(type="DepthLSSViewTransform"))
