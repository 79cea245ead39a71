"""Comparisons and losses of CALICO's two stages, for any networks.

Choices that the paper leaves open are listed in configs/calico/README.md.
"""

projector = dict(type="FeatureProjector", hidden_channels=(128,), out_channels=64, batch_norm=False)
prc = dict(
    type="PointRegionContrast",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    alpha=0.5,
    loss_plrc=dict(
        type="RegionContrastLoss",
        temperature=0.1,
        positives="region",
        same_region_negatives=True,
        region_normalize=False,
        symmetric=True,
        scope="scene",
    ),
    loss_rapc=dict(
        type="RegionContrastLoss",
        temperature=0.1,
        positives="point",
        same_region_negatives=False,
        region_normalize=True,
        symmetric=True,
        scope="scene",
    ),
)
rad = dict(
    type="RegionDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    direction="camera_to_lidar",
    loss_rad=dict(
        type="RegionContrastLoss",
        temperature=0.1,
        positives="point",
        same_region_negatives=False,
        region_normalize=True,
        symmetric=False,
        scope="scene",
    ),
)
# InfoNCE of all drawn points, in regions or not. As in the code of PointContrast,
# SimIPU and BEVDistill, negatives are from the whole batch of a process.
point_info_nce = dict(
    type="RegionContrastLoss",
    temperature=0.07,
    positives="point",
    same_region_negatives=True,
    region_normalize=False,
    semantic_less_anchors=True,
    symmetric=False,
    scope="batch",
)
