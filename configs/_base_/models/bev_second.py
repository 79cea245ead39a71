"""BEVFusion's SECOND and FPN on a fused map: 256 channels to 512 on the same cells."""

fused_channels = 256
bev_level_channels = [128, 256]

bev_second = dict(
    bev_backbone=dict(
        type="SECOND",
        in_channels=fused_channels,
        out_channels=bev_level_channels,
        layer_nums=[5, 5],
        layer_strides=[1, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        conv_cfg=dict(type="Conv2d", bias=False),
    ),
    bev_neck=dict(
        type="SECONDFPN",
        in_channels=bev_level_channels,
        out_channels=[256, 256],
        upsample_strides=[1, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        upsample_cfg=dict(type="deconv", bias=False),
        use_conv_for_no_stride=True,
    ),
)
bev_second_channels = sum(bev_second["bev_neck"]["out_channels"])
