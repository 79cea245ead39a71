"""CenterPoint with 0.075 m voxels, out to 54 m."""

_base_ = ["./det_voxel01_8xb4-cyclic-20e_nus.py"]

point_cloud_range = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]
model = dict(
    pts_voxelizer=dict(
        voxel_size=[0.075, 0.075, 0.2],
        point_cloud_range=point_cloud_range,
        max_voxels=(120000, 160000),
    ),
    pts_middle_encoder=dict(sparse_shape=[41, 1440, 1440]),
    # Eight of its voxels.
    pts_bbox_head=dict(point_cloud_range=point_cloud_range, cell_size=0.6),
)

crop_points = [dict(type="CropToRange", point_cloud_range=point_cloud_range)]
crop_boxes = [dict(type="CropBoxesToRange", point_cloud_range=point_cloud_range)]
train_pipeline = [
    *(*_base_.load_points, *_base_.load_boxes, *_base_.move, *crop_points, *crop_boxes),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [*_base_.load_points, *crop_points, *_base_.pack]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
