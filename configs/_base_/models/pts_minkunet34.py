"""SLidR's MinkUNet-34 over cylindrical voxels of 0.1 m, 1 degree and 0.1 m."""

voxelizer = dict(
    type="PointVoxelizer",
    voxel_size=(0.1, 1.0, 0.1),
    coordinates="cylindrical",
    feature_columns=(3,),
)
# SLidR adds 1 to SemanticKITTI's intensities.
voxelizer_kitti = dict(voxelizer, feature_offset=1.0)
backbone_34 = dict(type="MinkUNet", in_channels=1)
# In segmentation SLidR lowers the momentum of batch normalization.
segmentor_34 = dict(backbone_34, bn_momentum=0.02)

pts_minkunet34 = dict(pts_voxelizer=voxelizer, pts_backbone=backbone_34)
pts_minkunet34_kitti = dict(pts_voxelizer=voxelizer_kitti, pts_backbone=backbone_34)
seg_minkunet34 = dict(pts_voxelizer=voxelizer, pts_backbone=segmentor_34)
seg_minkunet34_kitti = dict(pts_voxelizer=voxelizer_kitti, pts_backbone=segmentor_34)
minkunet34_projection = dict(type="VoxelProjection", in_channels=96)
