"""Maps from cameras and LiDAR, with LiDAR depth in the lift-splat."""

_base_ = ["./mapseg_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

model = dict(view_transform=dict(type="DepthLSSViewTransform"))
