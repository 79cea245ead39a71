"""CenterPoint with 0.075 m voxels, out to 54 m."""

_base_ = ["./det_voxel01_8xb4-cyclic-20e_nus.py"]

point_cloud_range = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]
voxel = 0.075
model = dict(
    pts_voxelizer=dict(
        voxel_size=[voxel, voxel, 0.2],
        point_cloud_range=point_cloud_range,
        max_voxels=(120000, 160000),
    ),
    pts_middle_encoder=dict(sparse_shape=[41, 1440, 1440]),
    pts_bbox_head=dict(point_cloud_range=point_cloud_range, cell_size=8 * voxel),
)

crop_points = dict(point_cloud_range=point_cloud_range)
crop = dict(crop_points=crop_points, crop_boxes=dict(point_cloud_range=point_cloud_range))
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=crop)))
val_dataloader = dict(dataset=dict(pipeline=dict(crop_points=crop_points)))
test_dataloader = val_dataloader
