"""Images that show how points fall on an image as calibrated, and as corrected."""

import cv2
import numpy as np

from perception_kd.calibration.agreement import CameraFrame
from perception_kd.calibration.verdict import CameraVerdict
from perception_kd.geometry.projection import project_points
from perception_kd.structures import Array, Image
from perception_kd.visualization.images import place_side_by_side, resize_to_width
from perception_kd.visualization.pairs import BORDER_COLOR, draw_points, write_bar

_WIDTH = 1280  # px, of one image
_DIMMED = 0.5  # so that points and edges stand out


def draw_verdict(
    frame: CameraFrame, verdict: CameraVerdict, other: CameraFrame | None = None
) -> Image:
    """Draw the edges and points of an image as calibrated, and beside it as corrected.

    Args:
        frame: An image of the camera and its points.
        verdict: What is known about the calibration. Without an error there is one
            image only.
        other: An image of the camera whose calibration fits better; None without one.

    Returns:
        RGB.
    """
    drawn = _draw(frame, frame.lidar2cam, f"{verdict.line} - as given")
    if not verdict.errors and verdict.mixup is None:
        return drawn
    title = "as corrected" if verdict.mixup is None else "by the inverse"
    if other is not None:
        title = f"by the calibration of {other.camera}"
        frame = frame._replace(cam2img=other.cam2img)
    return place_side_by_side(drawn, _draw(frame, verdict.correction @ frame.lidar2cam, title))


def _draw(frame: CameraFrame, lidar2cam: Array, title: str) -> Image:
    image = resize_to_width(frame.image, _WIDTH)
    scale = image.shape[1] / frame.image.shape[1]
    edges = cv2.Canny(cv2.GaussianBlur(image, (0, 0), 1.5), 40, 100) > 0
    image = (image * _DIMMED).astype(np.uint8)
    image[edges] = BORDER_COLOR
    positions = frame.points[:, :3].astype(np.float64)
    projection = project_points(positions, lidar2cam, frame.cam2img, frame.size)
    pixels = ((projection.pixels[projection.visible] + 0.5) * scale).astype(np.int64)
    draw_points(image, pixels[:, ::-1], positions[projection.visible])
    return np.concatenate([write_bar(title, image.shape[1]), image])
