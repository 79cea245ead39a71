"""Options of the conversion of nuScenes."""

from dataclasses import dataclass

from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class SceneOptions:
    """Contents of a sample besides its keyframe.

    Attributes:
        max_sweeps: Largest number of LiDAR sweeps before a keyframe.
        max_camera_sweeps: Largest number of earlier images per camera.
        camera_boxes: Add the boxes per camera that monocular detectors train on.

    Raises:
        ValueError: If a number is negative.
    """

    max_sweeps: int = 10
    max_camera_sweeps: int = 6
    camera_boxes: bool = False

    def __post_init__(self) -> None:
        check_at_least("max_sweeps", self.max_sweeps, 0)
        check_at_least("max_camera_sweeps", self.max_camera_sweeps, 0)
