"""How keyframes and their cameras are named and laid out on the page."""

from typing import Any

from perception_kd.structures import Sample

# As the cameras of nuScenes look around the vehicle: the front row, then the back.
CAMERA_ORDER = (
    "CAM_FRONT_LEFT",
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_BACK_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
)


def title(sample: Any) -> str:
    """Name a keyframe, given as a sample or as mmdet3d's data sample."""
    return f"{sample.get('scene_name')} · {sample.get('sample_token')[:8]}"


def view_order(sample: Sample) -> list[int]:
    """Return the views as they are laid out on the page."""
    names = sample["cam_names"]
    rank = {name: i for i, name in enumerate(CAMERA_ORDER)}
    return sorted(range(len(names)), key=lambda view: rank.get(names[view], len(rank)))


def camera_name(sample: Sample, view: int) -> str:
    """Name a camera for a reader."""
    name: str = sample["cam_names"][view]
    return name.removeprefix("CAM_").replace("_", " ").lower()
