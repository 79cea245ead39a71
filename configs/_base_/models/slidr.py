"""Comparisons and losses of image-to-LiDAR distillation, for any networks."""

slidr = dict(
    type="SuperpixelDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
# PPKT as SLidR re-implements it: 4096 pairs per step.
ppkt = dict(slidr, type="PixelDistillation", num_samples=4096)
