"""PPKT as SLidR re-implements it: ResNet-50 at stride 32, 4096 pairs a step."""

_base_ = ["./slidr_minkunet34.py"]

model = dict(
    type="PixelDistillation",
    num_samples=4096,
    img_backbone=dict(backbone=dict(out_stride=32)),
)
