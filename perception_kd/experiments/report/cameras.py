"""Section of camera images with superpixels and projected points."""

from typing import Any

import numpy as np

from perception_kd.experiments.report.encoding import as_hex, encode_image
from perception_kd.experiments.report.keyframes import Keyframe
from perception_kd.experiments.report.layout import (
    Section,
    name_camera,
    name_keyframe,
    order_views,
)
from perception_kd.structures import Image
from perception_kd.visualization.pairs import color_distances, draw_view

DISTANCE_RANGE = 60.0  # m, of the colors of projected points
IMAGE_WIDTH = 800  # px


def cameras_section(keyframes: list[Keyframe], reason: str) -> Section:
    """Show every image with superpixel borders and projected points.

    Args:
        keyframes: Keyframes to show; may be empty.
        reason: Why there are no keyframes; empty if there are.
    """
    ramp = color_distances(np.linspace(0, DISTANCE_RANGE, 12), DISTANCE_RANGE)
    content = {
        "keyframes": [
            {
                "title": name_keyframe(keyframe.sample),
                "views": [_draw(keyframe, v) for v in order_views(keyframe.sample)],
            }
            for keyframe in keyframes
        ],
        "ramp": [as_hex(color) for color in ramp.tolist()],
        "max_distance": DISTANCE_RANGE,
    }
    return Section("cameras", "Cameras", content, missing=(reason,) if reason else ())


def encode_view(keyframe: Keyframe, view: int, image: Image) -> dict[str, Any]:
    """Return the template variables of one image of a keyframe.

    Args:
        keyframe: The keyframe.
        view: Index of the image.
        image: The image, or a drawing on it.
    """
    sample = keyframe.sample
    return {
        "view": view,
        "name": name_camera(sample, view),
        "src": encode_image(image, IMAGE_WIDTH),
        "height": image.shape[0],
        "width": image.shape[1],
        "num_pairs": int((sample["pairing_images"][:, 0] == view).sum()),
    }


def _draw(keyframe: Keyframe, view: int) -> dict[str, Any]:
    return encode_view(keyframe, view, draw_view(keyframe.sample, view, DISTANCE_RANGE))
