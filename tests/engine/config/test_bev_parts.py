"""Parts of BEV networks against the published numbers of mmdet3d's CenterPoint."""

from perception_kd.engine.config import bev_parts


def test_cells_fill_the_range() -> None:
    assert bev_parts.bev_range() == [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
    assert [bev_parts.cells_across(size) for size in (0.2, 0.4, 0.8)] == [512, 256, 128]
    assert bev_parts.voxel_shape((0.1, 0.2, 0.2)) == [41, 512, 1024]
    parts = bev_parts.pillars((0.4, 0.2, 8), 64, max_voxels=(3, 4))
    assert parts["pts_middle_encoder"]["output_shape"] == (512, 256)


def test_changes_of_a_part_leave_the_others() -> None:
    backbone, neck = bev_parts.second_fpn(
        4, [8], [1], layer_strides=[1], out_channels=[8], upsample_strides=[1]
    )
    neck["norm_cfg"]["type"] = "SyncBN"
    assert backbone["norm_cfg"]["type"] == "BN"
