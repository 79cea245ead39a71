"""A linear layer on a MinkUNet-34, with SLidR's losses; classes are the leaf's."""

model = dict(
    type="PointSegmentor",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    # As in pre-training (slidr_minkunet34.py), but for the momentum.
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.1, 1.0, 0.1),
        coordinates="cylindrical",
        feature_columns=(3,),
    ),
    pts_backbone=dict(type="MinkUNet", in_channels=1, bn_momentum=0.02),
    pts_seg_head=dict(type="VoxelProjection", in_channels=96, normalize=False),
    losses=dict(
        loss_ce=dict(type="mmdet.CrossEntropyLoss"),
        loss_lovasz=dict(type="LovaszLoss", reduction="none"),
    ),
    loss_on="voxels",
)
load_pretrained_from = dict(prefix="pts_backbone.")
