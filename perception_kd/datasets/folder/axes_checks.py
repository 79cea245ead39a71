"""Check that the axes of a LiDAR fit the names of its cameras and its motion."""

from collections.abc import Sequence

from perception_kd.datasets.folder.axes_guess import (
    find_motion,
    guess_axes,
    list_telling,
    name_direction,
    turn_axes,
)
from perception_kd.datasets.folder.calibration import axes_matrix
from perception_kd.datasets.folder.frames import FrameFiles
from perception_kd.datasets.folder.rig import LIDAR_AXES, Rig
from perception_kd.datasets.folder.scene_data import SceneData
from perception_kd.datasets.folder.sections import RigError
from perception_kd.geometry.rigid import invert_rigid


def check_axes(rig: Rig, scene: SceneData, frames: Sequence[FrameFiles]) -> list[str]:
    """Return sentences on axes that names of cameras, or poses, contradict.

    The axes are those of the ego vehicle, which are the LiDAR's if the rig file does
    not place the LiDAR in the vehicle.

    Args:
        rig: The rig.
        scene: What the frames of one scene share.
        frames: Its frames, in the order of time.

    Raises:
        RigError: If the LiDAR moves to a side, up or down by the poses.
    """
    return [*_check_names(rig, scene), *_check_motion(rig, scene, frames)]


def _is_placed(rig: Rig) -> bool:
    return rig.lidar.lidar2ego is not None or rig.lidar.ego2lidar is not None


def _check_names(rig: Rig, scene: SceneData) -> list[str]:
    ego2lidar = invert_rigid(scene.lidar2ego)
    cameras = {name: camera.lidar2cam @ ego2lidar for name, camera in scene.cameras.items()}
    turned = guess_axes(cameras)
    if turned is None or turned == LIDAR_AXES:
        return []
    names = list_telling(cameras)
    unless = "if the names mean something else, nothing is wrong."
    if _is_placed(rig):
        return [
            f"{rig.path}: lidar.lidar2ego: the names of {names} do not fit where they look with x "
            f"forward, y left and z up in the ego vehicle. Correct it, or the extrinsics; {unless}"
        ]
    matrix = (axes_matrix(turned) @ axes_matrix(rig.lidar.axes))[:3, :3]
    wanted = [name_direction(column) for column in matrix.T]
    return [
        f"{rig.path}: lidar.axes: the names of {names} do not fit where they look with "
        f"[{', '.join(rig.lidar.axes)}], but do with [{', '.join(wanted)}]. Correct axes or the "
        f"extrinsics; {unless}"
    ]


def _check_motion(rig: Rig, scene: SceneData, frames: Sequence[FrameFiles]) -> list[str]:
    if scene.trajectory is None:
        return []
    poses = [pose for x in frames if (pose := scene.ego2global(x.sweep.time)) is not None]
    motion = find_motion(poses)
    direction = "forward" if motion is None else name_direction(motion)
    if direction == "forward":
        return []
    if _is_placed(rig):
        return [
            f"{rig.path}: poses: by these and lidar2ego, the ego vehicle moves {direction}, but "
            "its x axis must point forward. Correct them, unless it drives backward."
        ]
    text = f"{rig.path}: lidar.axes: with [{', '.join(rig.lidar.axes)}], the LiDAR moves"
    text += f" {direction} by the poses"
    if direction not in ("up", "down"):
        text += f"; it moves forward with [{', '.join(turn_axes(rig.lidar.axes, direction))}]"
    if direction == "backward":
        return [f"{text}. Correct axes, unless the vehicle drives backward."]
    raise RigError(
        f"{text}. Correct axes, or poses: what they are of (poses.of), or their rotations."
    )
