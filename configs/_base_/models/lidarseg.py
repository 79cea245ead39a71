"""A linear layer on a LiDAR network with SLidR's losses; configs add the classes."""

lidarseg = dict(type="PointSegmentor", data_preprocessor=dict(type="CameraLidarDataPreprocessor"))
voxel_losses = dict(
    losses=dict(
        loss_ce=dict(type="mmdet.CrossEntropyLoss"),
        loss_lovasz=dict(type="LovaszLoss", reduction="none"),
    ),
    loss_on="voxels",
)
