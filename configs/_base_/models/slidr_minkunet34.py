"""SLidR: a ResNet-50 with MoCo v2 weights teaches a MinkUNet-34."""

_base_ = ["./teacher_r50_mocov2.py"]

model = dict(
    type="SuperpixelDistillation",
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.1, 1.0, 0.1),
        coordinates="cylindrical",
        feature_columns=(3,),
    ),
    pts_backbone=dict(type="MinkUNet", in_channels=1),
    pts_head=dict(type="VoxelProjection", in_channels=96, out_channels=64),
)
