"""The sweeps and images that an info file lists."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.io.info_fields import image_shape, read_field, read_name, read_path
from perception_kd.io.info_file import creation_remedy, name_entry, resolve_path
from perception_kd.io.input_file import InputFile
from perception_kd.io.layout_fields import read_layout
from perception_kd.structures import InfoEntry, PointLayout


@dataclass(frozen=True)
class SweepFile(InputFile):
    """One LiDAR sweep of a data set.

    Attributes:
        key: Token of its sample, the name of its entry in a cache.
        path: Path of its file.
        scene: Name of its scene.
        layout: Layout of the file.
    """

    scene: str
    layout: PointLayout


@dataclass(frozen=True)
class ImageFile(InputFile):
    """One image of a data set.

    Attributes:
        key: Token of the image, the name of its entry in a cache.
        path: Path of its file.
        size: Height and width by the info file in px, None if it does not say.
    """

    size: tuple[int, int] | None


def list_sweeps(
    info_file: str | Path, info: Mapping[str, Any], data_root: str | Path
) -> list[SweepFile]:
    """Return the sweep of each sample of an info file.

    Args:
        info_file: Path of the info file, for errors.
        info: Its content.
        data_root: Folder of the data set.

    Raises:
        ValueError: If a field is wrong, or there is no sample.
    """
    sweeps = []
    for index, sample in enumerate(info["data_list"]):
        with name_entry(info_file, info, index):
            sweeps.append(_find_sweep(sample, info["metainfo"], data_root))
    if not sweeps:
        raise ValueError(f"{info_file} lists no sweeps; {creation_remedy(info_file, info)}")
    return sweeps


def list_images(
    info_file: str | Path,
    info: Mapping[str, Any],
    data_root: str | Path,
    cameras: Sequence[str] | None = None,
) -> list[ImageFile]:
    """Return the images of an info file.

    Args:
        info_file: Path of the info file, for errors.
        info: Its content.
        data_root: Folder of the data set.
        cameras: Cameras to use; None uses all.

    Raises:
        ValueError: If a field is wrong, a camera is in no sample, or there is no image.
    """
    images = []
    seen = set()
    for index, sample in enumerate(info["data_list"]):
        with name_entry(info_file, info, index):
            views = read_field(sample, "images", dict)
            seen |= views.keys()
            images += [
                _find_image(view, name, info["metainfo"], data_root)
                for name, view in views.items()
                if cameras is None or name in cameras
            ]
    unknown = set(cameras or ()) - seen
    if unknown or not images:
        raise ValueError(
            f"{info_file}: cameras must be among {sorted(seen)}, but got {sorted(unknown)}."
            if unknown
            else f"{info_file} lists no images; {creation_remedy(info_file, info)}"
        )
    return images


def _find_sweep(sample: InfoEntry, metainfo: Mapping[str, Any], data_root: str | Path) -> SweepFile:
    lidar, where = read_field(sample, "lidar_points", dict), "lidar_points."
    path = resolve_path(metainfo, "pts", read_path(lidar, "lidar_path", where))
    return SweepFile(
        key=read_name(sample, "token"),
        path=os.path.join(data_root, path),
        scene=read_field(sample, "scene_name", str),
        layout=read_layout(lidar, where),
    )


def _find_image(
    view: Any, camera: str, metainfo: Mapping[str, Any], data_root: str | Path
) -> ImageFile:
    where = f"images.{camera}."
    path = resolve_path(metainfo, camera, read_path(view, "img_path", where))
    token = read_name(view, "sample_data_token", where)
    return ImageFile(token, os.path.join(data_root, path), image_shape(view, where))
