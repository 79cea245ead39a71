"""Lift-splat that predicts depth from image features and LiDAR depth."""

import torch
from torch import Tensor, nn

from perception_kd.geometry.projection import project_points
from perception_kd.models.view_transforms.frustum import Cameras
from perception_kd.models.view_transforms.lift_splat import LSSViewTransform
from perception_kd.registry import MODELS

# The encoder of the depth image halves it three times.
_STRIDE = 8
_DEPTH_CHANNELS = 64


def depth_images(points: list[Tensor], cameras: Cameras, min_depth: float = 1e-3) -> Tensor:
    """Render point clouds as sparse depth images.

    A pixel has the depth of the nearest point that falls on it; in the published code,
    of the last point. Occlusion between pixels is not resolved, as published.

    Args:
        points: One point cloud per sample in augmented LiDAR coordinates, each
            (N_b, 3 or more).
        cameras: The cameras of V views.
        min_depth: Points nearer than this along the optical axis, in m, or behind the
            camera, are left out.

    Returns:
        Depth along the optical axis in m, 0 where there is no point, float32, shape (V,
        1, H, W).
    """
    height, width = cameras.img_shape
    augmented2cam = torch.linalg.inv(cameras.cam2augmented())
    cam2img = cameras.img_aug_matrix.double() @ cameras.cam2img.double()
    # The last column takes what is on no image: to leave it out would wait for a GPU.
    images = torch.full(
        (len(cam2img), height * width + 1), torch.inf, dtype=torch.float32, device=cam2img.device
    )
    for view, sample in enumerate(cameras.view_sample.tolist()):
        projection = project_points(
            points[sample][:, :3].double(),
            augmented2cam[view],
            cam2img[view],
            cameras.img_shape,
            min_depth=min_depth,
            border="pixel",
        )
        col, row = torch.floor(projection.pixels + 0.5).unbind(dim=1)
        pixel = torch.where(projection.visible, row * width + col, height * width).long()
        images[view].scatter_reduce_(0, pixel, projection.depth.float(), "amin")
    images = images[:, :-1]
    return images.masked_fill(images.isinf(), 0.0).view(-1, 1, height, width)


@MODELS.register_module()
class DepthLSSViewTransform(LSSViewTransform):
    """Lift-splat with LiDAR depth as a further input, from BEVFusion.

    A depth image of the points is encoded to the size of the image features; three
    convolutions predict depths from both.

    - BEVFusion, 2022, https://arxiv.org/abs/2205.13542

    Args:
        in_channels, out_channels, point_cloud_range, cell_size, depth_range,
            downsample, align_corners: As in :class:`LSSViewTransform`.
    """

    def build_depthnet(self, in_channels: int) -> nn.Module:
        """Build the encoder of the depth image and the layers that predict depths."""
        self.dtransform = nn.Sequential(
            *_conv_norm_act(1, 8, kernel=1, stride=1),
            *_conv_norm_act(8, 32, kernel=5, stride=4),
            *_conv_norm_act(32, _DEPTH_CHANNELS, kernel=5, stride=2),
        )
        return nn.Sequential(
            *_conv_norm_act(in_channels + _DEPTH_CHANNELS, in_channels, kernel=3, stride=1),
            *_conv_norm_act(in_channels, in_channels, kernel=3, stride=1),
            nn.Conv2d(in_channels, self.num_depths + self.out_channels, 1),
        )

    def predict_depth(
        self, img_feats: Tensor, cameras: Cameras, points: list[Tensor] | None
    ) -> Tensor:
        """Predict depths and features from the maps and from the depth of the LiDAR.

        Args:
            img_feats: Feature maps of V images at stride 8, shape (V, C_in, h, w).
            cameras: Matrices of the V cameras, by which points are projected.
            points: One point cloud per sample, x, y, z in m first, each (N_b, F).

        Returns:
            Scores of L depths, then C features, shape (V, L + C, h, w).

        Raises:
            ValueError: If points are missing, or the stride of the features is not 8.
        """
        if points is None:
            raise ValueError(
                "DepthLSSViewTransform needs points, but got None; load points, or use "
                "LSSViewTransform."
            )
        height, width = img_feats.shape[2:]
        if cameras.img_shape != (height * _STRIDE, width * _STRIDE):
            raise ValueError(
                f"img_feats must have an {_STRIDE}th of the images' size {cameras.img_shape}, but "
                f"got {(height, width)}; choose another level of the neck or another image size."
            )
        depth_feats = self.dtransform(depth_images(points, cameras).to(img_feats.dtype))
        return self.depthnet(torch.cat([depth_feats, img_feats], dim=1))


def _conv_norm_act(
    in_channels: int, out_channels: int, kernel: int, stride: int
) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
