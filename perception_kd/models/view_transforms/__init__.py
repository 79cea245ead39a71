"""From image features to BEV maps."""

from perception_kd.models.view_transforms.depth_lift_splat import DepthLSSViewTransform
from perception_kd.models.view_transforms.frustum import Cameras
from perception_kd.models.view_transforms.lift_splat import LSSViewTransform

__all__ = ["Cameras", "DepthLSSViewTransform", "LSSViewTransform"]
