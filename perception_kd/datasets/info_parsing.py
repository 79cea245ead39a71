"""Parse the entries of an info file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.io.info_file import image_shape, resolve_path
from perception_kd.structures import InfoBoxes, InfoEntry, Sample, Sweep


def parse_sample(
    raw: InfoEntry,
    metainfo: dict[str, Any],
    cameras: Sequence[str] | None = None,
    max_sweeps: int = 10,
) -> Sample:
    """Return the keys of ``docs/sample.md`` that come from an info file.

    Args:
        raw: Entry of the info file.
        metainfo: Head of the info file.
        cameras: Names of the cameras to use, in this order; None means all of them.
        max_sweeps: Largest number of earlier sweeps.

    Returns:
        The sample, with paths relative to the data set.

    Raises:
        ValueError: If a camera is unknown.
    """
    lidar, images, mask = raw["lidar_points"], raw["images"], raw.get("pts_semantic_mask_path")
    names = list(images) if cameras is None else list(cameras)
    unknown = [name for name in names if name not in images]
    if unknown:
        raise ValueError(f"cameras must be among {list(images)}, but got {unknown}.")
    views = [images[name] for name in names]
    sweeps = raw.get("lidar_sweeps", [])[:max_sweeps]
    return {
        "sample_token": raw["token"],
        "scene_token": raw["scene_token"],
        "scene_name": raw["scene_name"],
        "location": raw.get("location"),
        "timestamp": lidar["timestamp"],
        "lidar_token": lidar["sample_data_token"],
        "lidar_path": resolve_path(metainfo, "pts", lidar["lidar_path"]),
        "num_pts_feats": lidar["num_pts_feats"],
        "lidar2ego": np.array(lidar["lidar2ego"], float),
        "ego2global": np.array(lidar["ego2global"], float),
        "lidar_sweeps": [_parse_sweep(sweep) for sweep in sweeps],
        "cam_names": names,
        "img_tokens": [view["sample_data_token"] for view in views],
        "img_paths": [
            resolve_path(metainfo, name, view["img_path"])
            for name, view in zip(names, views, strict=True)
        ],
        "img_shapes": [image_shape(view) for view in views],
        "lidar2cam": np.array([view["lidar2cam"] for view in views], float),
        "cam2img": np.array([view["cam2img"] for view in views], float),
        "pts_semantic_mask_path": mask and resolve_path(metainfo, "pts_semantic_mask", mask),
    }


def _parse_sweep(sweep: Mapping[str, Any]) -> Sweep:
    return {
        "lidar_path": sweep["lidar_points"]["lidar_path"],
        "sweep2lidar": np.array(sweep["sweep2lidar"], float),
        "timestamp": sweep["timestamp"],
    }


def class_of_category(
    categories: Mapping[str, int] | None, classes: Sequence[str]
) -> dict[int, int]:
    """Return the index in ``classes`` of each category's index in an info file.

    Args:
        categories: Index of each category by name, from the head of the info file.
        classes: Names of the classes, in order.

    Raises:
        ValueError: If there is no class, or a class is not among the categories.
    """
    unknown = [name for name in classes if name not in (categories or {})]
    if categories is None or unknown or not classes:
        raise ValueError(
            f"metainfo.classes must be categories of the info file, {categories}, but got "
            f"{unknown}; boxes need an info file of annotated data."
        )
    return {categories[name]: index for index, name in enumerate(classes)}


def parse_boxes(raw: Sequence[InfoEntry], class_of: Mapping[int, int]) -> InfoBoxes:
    """Return the boxes of a sample.

    Args:
        raw: ``instances`` of a sample of the info file.
        class_of: From :func:`class_of_category`.
    """
    rows = [[*box["bbox_3d"], *box.get("velocity", (0.0, 0.0))] for box in raw]
    boxes = np.array(rows, np.float64).reshape(-1, 9)
    # Velocities only: a box at an unknown position must not end up at the sensor.
    boxes[:, 7:] = np.nan_to_num(boxes[:, 7:])
    return InfoBoxes(
        bboxes_3d=boxes,
        labels_3d=np.array([class_of.get(box["bbox_label_3d"], -1) for box in raw], np.int64),
        is_valid=np.array([box["bbox_3d_isvalid"] for box in raw], bool),
        num_lidar_pts=np.array([box["num_lidar_pts"] for box in raw], np.int64),
    )
