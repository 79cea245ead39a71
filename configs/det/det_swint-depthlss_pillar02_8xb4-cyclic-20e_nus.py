"""BEVFusion whose lift-splat also sees the LiDAR's depth, as published."""

_base_ = ["./det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

model = dict(view_transform=dict(type="DepthLSSViewTransform"))
