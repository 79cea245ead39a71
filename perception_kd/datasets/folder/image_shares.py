"""Share of points in the images, by the extrinsics and by their inverse."""

from collections.abc import Iterable
from dataclasses import dataclass

from perception_kd.datasets.folder.rig import Camera, opposite
from perception_kd.datasets.folder.sections import RigError
from perception_kd.geometry.projection import project_points
from perception_kd.structures import Array

_FEW = 0.002
# Cosine of the angle between down in the image and down at the LiDAR.
_UPRIGHT, _NOT_UPRIGHT = 0.7, 0.3


@dataclass(frozen=True)
class CameraPoints:
    """Points before a camera.

    Attributes:
        points: In LiDAR coordinates in m, (N, 3).
        lidar2cam: Extrinsics, (4, 4).
        inverted: Extrinsics if the rig file had named the other direction, (4, 4).
        cam2img: Intrinsics of an image without distortion in px, (3, 3).
        size: Width and height of the image in px.
    """

    points: Array
    lidar2cam: Array
    inverted: Array
    cam2img: Array
    size: tuple[int, int]


def check_shares(camera: Camera, views: Iterable[CameraPoints], where: str) -> str:
    """Return a sentence on the share of points in the images of a camera.

    Args:
        camera: The camera.
        views: Some of its frames, at least one.
        where: Rig file and camera, for errors.

    Raises:
        RigError: If the inverse of the extrinsics looks right, or no point is in an
            image.
    """
    views = list(views)
    given = sum(_share(view, view.lidar2cam) for view in views) / len(views)
    inverse = sum(_share(view, view.inverted) for view in views) / len(views)
    first = views[0]
    other = opposite(camera.direction)
    shares = f"{given:.1%} of the points fall into its images, {inverse:.1%} with the inverse"
    turned = _down(first.lidar2cam) < _NOT_UPRIGHT and _down(first.inverted) > _UPRIGHT
    if (turned and not camera.turned) or (given < _FEW and inverse > 10 * max(given, _FEW)):
        how = " and the camera would not be upright" if turned else ""
        raise RigError(
            f"{where}.{camera.direction}: is this {other}? {shares}{how}; rename it to {other}, or "
            "correct it. If the camera is mounted turned about its axis, give turned: true."
        )
    if given < _FEW:
        raise RigError(
            f"{where}.{camera.direction}: {shares}; correct extrinsics, intrinsics, axes, "
            "or lidar.columns, or leave the camera out."
        )
    return f"{camera.name}: {given:.1%} of the points fall into its images."


def _share(view: CameraPoints, lidar2cam: Array) -> float:
    width, height = view.size
    projection = project_points(view.points, lidar2cam, view.cam2img, (height, width))
    return float(projection.visible.sum()) / max(len(view.points), 1)


def _down(lidar2cam: Array) -> float:
    return float(-lidar2cam[1, 2])
