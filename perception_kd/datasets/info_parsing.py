"""Parse the entries of an info file."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from perception_kd.io.errors import FieldError
from perception_kd.io.info_fields import (
    image_shape,
    read_field,
    read_matrix,
    read_name,
    read_number,
    read_path,
    show,
)
from perception_kd.io.info_file import resolve_path
from perception_kd.io.layout_fields import read_layout
from perception_kd.structures import Array, InfoBoxes, InfoEntry, Sample, Sweep

_POSE_TOLERANCE = 0.05  # m


def parse_sample(
    raw: InfoEntry,
    metainfo: Mapping[str, Any],
    cameras: Sequence[str] | None = None,
    max_sweeps: int = 10,
) -> Sample:
    """Return the keys of ``docs/sample.md`` that come from an info file.

    Values of matrices are not checked; see
    :func:`~perception_kd.datasets.info_checks.find_wrong_value`.

    Args:
        raw: Entry of the info file.
        metainfo: Head of the info file.
        cameras: Names of the cameras to use, in this order; None means all of them. A
            camera that the entry lacks has no view.
        max_sweeps: Largest number of earlier sweeps.

    Returns:
        The sample, with paths relative to the data set.

    Raises:
        FieldError: If a field is missing or of another type.
    """
    mask = raw.get("pts_semantic_mask_path")
    lidar = _parse_lidar(read_field(raw, "lidar_points", dict), metainfo)
    _check_pose(raw, lidar["ego2global"])
    images = read_field(raw, "images", dict) if "images" in raw else {}
    sweeps = read_field(raw, "lidar_sweeps", list) if "lidar_sweeps" in raw else []
    sample = {
        "sample_token": read_name(raw, "token"),
        "scene_token": read_field(raw, "scene_token", str),
        "scene_name": read_field(raw, "scene_name", str),
        "location": None if raw.get("location") is None else read_name(raw, "location"),
        **lidar,
        "lidar_sweeps": [_parse_sweep(sweep, i) for i, sweep in enumerate(sweeps[:max_sweeps])],
        **_parse_views(images, metainfo, cameras),
        "pts_semantic_mask_path": mask
        and resolve_path(metainfo, "pts_semantic_mask", read_path(raw, "pts_semantic_mask_path")),
    }
    return cast(Sample, sample)


def join_paths(sample: Sample, folder: str) -> None:
    """Put a folder before all paths of a parsed sample, in place."""
    sample["lidar_path"] = os.path.join(folder, sample["lidar_path"])
    mask_path = sample["pts_semantic_mask_path"]
    if mask_path is not None:
        sample["pts_semantic_mask_path"] = os.path.join(folder, mask_path)
    sample["img_paths"] = [os.path.join(folder, path) for path in sample["img_paths"]]
    for sweep in sample["lidar_sweeps"]:
        sweep["lidar_path"] = os.path.join(folder, sweep["lidar_path"])


def _check_pose(raw: InfoEntry, lidar_pose: Array) -> None:
    """Refuse a pose, which mmdet3d reads, that is not the one at the sweep."""
    if "ego2global" not in raw or not np.isfinite(lidar_pose).all():
        return
    difference = np.abs(read_matrix(raw, "ego2global", (4, 4)) - lidar_pose).max()
    if not difference <= _POSE_TOLERANCE + 1e-6 * np.abs(lidar_pose).max():  # NaN, too
        raise FieldError("ego2global differs from ego2global of lidar_points")


def _parse_lidar(lidar: Mapping[str, Any], metainfo: Mapping[str, Any]) -> dict[str, Any]:
    where = "lidar_points."
    return {
        "timestamp": read_number(lidar, "timestamp", where),
        "lidar_token": read_name(lidar, "sample_data_token", where),
        "lidar_path": resolve_path(metainfo, "pts", read_path(lidar, "lidar_path", where)),
        "point_layout": read_layout(lidar, where),
        "lidar2ego": read_matrix(lidar, "lidar2ego", (4, 4), where),
        "ego2global": read_matrix(lidar, "ego2global", (4, 4), where),
    }


def _parse_views(
    images: Mapping[str, Any], metainfo: Mapping[str, Any], cameras: Sequence[str] | None
) -> dict[str, Any]:
    names = [name for name in (images if cameras is None else cameras) if name in images]
    views = [(images[name], name, f"images.{name}.") for name in names]
    lidar2cam = [read_matrix(view, "lidar2cam", (4, 4), where) for view, _, where in views]
    cam2img = [read_matrix(view, "cam2img", (3, 3), where) for view, _, where in views]
    return {
        "cam_names": names,
        "img_tokens": [read_name(view, "sample_data_token", where) for view, _, where in views],
        "img_paths": [
            resolve_path(metainfo, name, read_path(view, "img_path", where))
            for view, name, where in views
        ],
        "img_shapes": [image_shape(view, where) for view, _, where in views],
        "lidar2cam": np.array(lidar2cam).reshape(-1, 4, 4),
        "cam2img": np.array(cam2img).reshape(-1, 3, 3),
    }


def _parse_sweep(sweep: Any, index: int) -> Sweep:
    where = f"lidar_sweeps[{index}]."
    lidar = read_field(sweep, "lidar_points", dict, where)
    return {
        "lidar_path": read_path(lidar, "lidar_path", f"{where}lidar_points."),
        "sweep2lidar": read_matrix(sweep, "sweep2lidar", (4, 4), where),
        "timestamp": read_number(sweep, "timestamp", where),
    }


def class_of_category(
    categories: Mapping[str, int] | None, classes: Sequence[str]
) -> dict[int, int]:
    """Return the index in ``classes`` of each category's index in an info file.

    Args:
        categories: Index of each category by name, from the head of the info file.
        classes: Names of the classes, in order.

    Returns:
        The class of each index that boxes may have; -1 for other categories.

    Raises:
        ValueError: If there is no class, or a class is not among the categories.
    """
    unknown = [name for name in classes if name not in (categories or {})]
    if categories is None or unknown or not classes:
        listed = ", ".join(k for k, label in (categories or {}).items() if label >= 0) or "none"
        raise ValueError(
            f"metainfo.classes must be categories of the info file, which are {listed}, but got "
            f"{unknown}; choose with --classes, and take an info file of annotated data."
        )
    without = [name for name in classes if categories[name] < 0]
    if without:
        raise ValueError(
            f"metainfo.classes has {', '.join(without)}, whose boxes have no class in the info "
            "file; make it again with tools/create_data.py."
        )
    others = dict.fromkeys([-1, *categories.values()], -1)
    return others | {categories[name]: index for index, name in enumerate(classes)}


def parse_boxes(raw: Any, class_of: Mapping[int, int]) -> InfoBoxes:
    """Return the boxes of a sample.

    A velocity of NaN is unknown, and becomes zero.

    Args:
        raw: ``instances`` of a sample of the info file.
        class_of: From :func:`class_of_category`.

    Raises:
        FieldError: If a field is missing or of another type, or a label is unknown.
    """
    try:
        rows = [[*box["bbox_3d"], *box.get("velocity", (0.0, 0.0))] for box in raw]
        boxes = np.array(rows, np.float64).reshape(len(rows), 9)
        # Velocities only: a box at an unknown position must not end up at the sensor.
        boxes[:, 7:][np.isnan(boxes[:, 7:])] = 0
        return InfoBoxes(
            bboxes_3d=boxes,
            labels_3d=np.array([_class_of(box, class_of) for box in raw], np.int64),
            is_valid=np.array([_flag(box["bbox_3d_isvalid"]) for box in raw], bool),
            num_lidar_pts=np.array([box["num_lidar_pts"] for box in raw], np.int64),
        )
    except FieldError:
        raise
    except KeyError as error:
        raise FieldError(f"instances: {error.args[0]} of a box is missing") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FieldError(
            "instances must be boxes with 7 numbers as bbox_3d, 2 as velocity, a bool as "
            f"bbox_3d_isvalid and an integer as num_lidar_pts ({show(str(error))})"
        ) from error


def _class_of(box: Mapping[str, Any], class_of: Mapping[int, int]) -> int:
    label = box["bbox_label_3d"]
    if label not in class_of:
        raise FieldError(
            f"instances: bbox_label_3d of a box is {show(label)}, but the categories of the file "
            f"are {show(sorted(class_of))}"
        )
    return class_of[label]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise FieldError(
            f"instances: bbox_3d_isvalid of a box must be a bool, but is {show(value)}"
        )
    return bool(value)
