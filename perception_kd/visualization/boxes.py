"""Ground-truth and predicted 3D boxes, drawn in BEV and into camera images."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from mmdet3d.structures import LiDARInstance3DBoxes
from numpy.typing import NDArray

from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import transform_points
from perception_kd.structures import Array, Color, Image, Sample
from perception_kd.visualization.images import arrange_grid, resize_to_width

# Distinct for color-blind readers too, on white and on images of streets.
TRUTH_COLOR: Color = (20, 130, 255)
PREDICTED_COLOR: Color = (230, 60, 40)
_BACKGROUND = 255
_NEAR = 0.1  # m in front of a camera; edges are cut there
# Corners of mmdet3d's boxes: the four of the front side are 4, 5, 6, 7.
_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
)
_FRONT = ((4, 6), (5, 7))


def draw_boxes_bev(
    points: NDArray[np.floating[Any]],
    boxes: Sequence[tuple[LiDARInstance3DBoxes, Color]],
    radius: float = 50.0,
    size: int = 800,
) -> Image:
    """Draw points and boxes in BEV, x to the right and y up.

    A line leads from each center to the front of its box.

    Args:
        points: Points in LiDAR coordinates in m, x, y, z first, shape (N, 3 or more).
        boxes: Boxes in LiDAR coordinates and their RGB color; later ones cover earlier
            ones.
        radius: Half the edge of the area shown, in m.
        size: Edge of the image in px.

    Returns:
        RGB, shape (size, size, 3).
    """
    image = np.full((size, size, 3), _BACKGROUND, np.uint8)
    cells = to_bev_pixels(points[:, :2], radius, size)
    cells = cells[((cells >= 0) & (cells < size)).all(axis=1)]
    image[cells[:, 1], cells[:, 0]] = 150
    for of_color, color in boxes:
        corners = of_color.corners.numpy()[:, [0, 3, 7, 4], :2].astype(float)
        for box, center in zip(corners, of_color.tensor.numpy()[:, :2], strict=True):
            outline = to_bev_pixels(box, radius, size)
            cv2.polylines(image, [outline], True, color, 2, cv2.LINE_AA)
            heading = to_bev_pixels(np.stack([center, box[2:].mean(axis=0)]), radius, size)
            cv2.line(image, heading[0].tolist(), heading[1].tolist(), color, 2, cv2.LINE_AA)
    return image


def draw_boxes_image(
    img: Image,
    boxes: LiDARInstance3DBoxes,
    lidar2cam: Array,
    cam2img: Array,
    color: Color,
    labels: Sequence[str] = (),
) -> Image:
    """Draw the edges of boxes into a copy of an image, with a cross on each front.

    Edges are clipped behind the camera; boxes do not occlude each other.

    Args:
        img: RGB, shape (H, W, 3).
        boxes: Boxes in LiDAR coordinates.
        lidar2cam: Rigid transform, shape (4, 4).
        cam2img: Intrinsics of this image in px, shape (3, 3).
        color: RGB color of all edges.
        labels: One text per box, such as its class and score; empty for no text.
    """
    image = img.copy()
    height, width = img.shape[:2]
    thickness = max(1, width // 800)
    for number, corners in enumerate(boxes.corners.numpy()):
        corners_cam = transform_points(corners.astype(float), lidar2cam)
        seen = []
        for start, end in (*_EDGES, *_FRONT):
            pixels = _project_edge(corners_cam[[start, end]], cam2img, (height, width))
            if pixels is None:
                continue
            inside, first, last = cv2.clipLine((0, 0, width, height), *pixels)
            if inside:
                cv2.line(image, first, last, color, thickness, cv2.LINE_AA)
                seen.append(first)
        if seen and number < len(labels):
            top = min(seen, key=lambda pixel: pixel[1])
            where = (top[0], max(10, top[1] - 3))
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(image, labels[number], where, font, 0.4, color, 1, cv2.LINE_AA)
    return image


def draw_boxes_sample(
    sample: Sample,
    predicted: Mapping[str, Any] | None = None,
    min_score: float = 0.3,
    radius: float = 50.0,
    columns: int = 3,
    view_width: int = 480,
) -> Image:
    """Draw boxes into all images of a sample and, below them, in BEV.

    Ground truth is blue, predictions are red.

    Args:
        sample: Sample of the data set, before packing and augmentation: ``points``;
            ``imgs`` with their matrices and ``gt_bboxes_3d`` where present.
        predicted: ``bboxes_3d`` and ``scores_3d``, and ``labels_3d`` where the sample
            has ``box_classes``, whose names are then written.
        min_score: Predictions with a lower score are not drawn.
        radius: Half the edge of the area shown in BEV, in m.
        columns: Maximum number of images per row.
        view_width: Width of each camera image in px.
    """
    layers = _layers(sample, predicted, min_score)
    views = [_draw_view(sample, view, layers) for view in range(len(sample.get("imgs", ())))]
    tiles = [resize_to_width(view, view_width) for view in views]
    columns = max(1, min(columns, len(tiles)))
    bev = draw_boxes_bev(
        sample["points"], [layer[:2] for layer in layers], radius, columns * view_width
    )
    return np.concatenate([arrange_grid(tiles, columns), bev]) if tiles else bev


Layer = tuple[LiDARInstance3DBoxes, Color, list[str]]


def _layers(sample: Sample, predicted: Mapping[str, Any] | None, min_score: float) -> list[Layer]:
    layers: list[Layer] = []
    if "gt_bboxes_3d" in sample:
        layers.append((sample["gt_bboxes_3d"], TRUTH_COLOR, []))
    if predicted is not None:
        kept = predicted["scores_3d"] >= min_score
        labels = [f"{score:.2f}" for score in predicted["scores_3d"][kept].tolist()]
        if "box_classes" in sample and "labels_3d" in predicted:
            classes = [sample["box_classes"][i] for i in predicted["labels_3d"][kept].tolist()]
            labels = [f"{name} {score}" for name, score in zip(classes, labels, strict=True)]
        layers.append((predicted["bboxes_3d"][kept], PREDICTED_COLOR, labels))
    return layers


def _draw_view(sample: Sample, view: int, layers: Sequence[Layer]) -> Image:
    image = sample["imgs"][view]
    aug: Array = np.asarray(sample.get("img_aug_matrix", np.eye(3)))
    cam2img = (aug[view] if aug.ndim == 3 else aug) @ sample["cam2img"][view]
    for boxes, color, labels in layers:
        lidar2cam = sample["lidar2cam"][view]
        image = draw_boxes_image(image, boxes, lidar2cam, cam2img, color, labels)
    return image


def to_bev_pixels(xy: NDArray[np.floating[Any]], radius: float, size: int) -> NDArray[np.int32]:
    """Return the pixels (column, row) of BEV positions, y up in the image.

    Args:
        xy: Positions in m, shape (N, 2).
        radius: Half the edge of the area shown, in m.
        size: Edge of the image in px.

    Returns:
        Shape (N, 2); pixels of positions outside the area lie outside the image.
    """
    scale = size / (2 * radius)
    pixels = np.stack([(xy[:, 0] + radius) * scale, (radius - xy[:, 1]) * scale], axis=1)
    return np.floor(pixels).astype(np.int32)


def _project_edge(
    ends: Array, cam2img: Array, img_shape: tuple[int, int]
) -> tuple[list[int], list[int]] | None:
    """Return the rounded pixels of the part of an edge in front of the camera, if any.

    Args:
        ends: End points in camera coordinates in m, shape (2, 3).
        cam2img: Intrinsics in px, shape (3, 3).
        img_shape: Height and width of the image in px.
    """
    near, far = ends[np.argsort(ends[:, 2])]
    if far[2] <= _NEAR:
        return None
    if near[2] < _NEAR:
        near = near + (far - near) * (_NEAR - near[2]) / (far[2] - near[2])
    in_front = np.stack([near, far])
    # Half the depth of the cut, which rounding may have brought nearer.
    pixels = project_points(
        in_front, np.eye(4), cam2img, img_shape, min_depth=_NEAR / 2, border="none"
    ).pixels
    first, last = np.clip(np.round(pixels), -30000, 30000).astype(int).tolist()
    return first, last
