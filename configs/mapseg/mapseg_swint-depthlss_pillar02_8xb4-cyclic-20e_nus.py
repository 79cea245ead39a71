"""Maps from cameras and LiDAR, whose lift-splat also sees the LiDAR's depth."""

_base_ = ["./mapseg_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

model = dict(view_transform=dict(type="DepthLSSViewTransform"))
