"""Images with the points of the same moment, read from a few samples of info files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.calibration.agreement import CameraFrame
from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image
from perception_kd.io.info_fields import image_shape, read_field, read_matrix, read_path
from perception_kd.io.info_file import name_entry, resolve_path
from perception_kd.io.info_writer import InfoExcerpt
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_files.readers import read_points
from perception_kd.structures import InfoEntry, Points

_MAX_FRAMES = 8  # evenly over the samples
_MIN_FRAMES = 3
_MAX_IMAGES = 64  # of all cameras, so that a conversion stays fast


def read_frames(
    excerpts: Sequence[InfoExcerpt],
    data_root: str | Path,
    extrinsics: Mapping[str, Extrinsics],
) -> Iterator[CameraFrame]:
    """Read the images and points of a few samples, evenly over info files.

    Images and points that cannot be read are left out: other checks report them.

    Args:
        excerpts: Samples of info files of the same cameras.
        data_root: Folder of the data set.
        extrinsics: Source of each camera's extrinsics; by default the info files.

    Yields:
        All images of one sample, then those of the next one.

    Raises:
        ValueError: If a field is wrong.
    """
    for excerpt, sample in _choose_samples(excerpts):
        one = {"metainfo": excerpt.metainfo, "data_list": [sample]}
        sweep = list_sweeps(excerpt.path, one, data_root)[0]
        with suppress(BrokenFileError, FileNotFoundError):
            points = read_points(sweep.path, sweep.layout)
            with name_entry(excerpt.path, one, 0):
                yield from _read_images(sample, excerpt.metainfo, data_root, points, extrinsics)


def _choose_samples(excerpts: Sequence[InfoExcerpt]) -> Iterator[tuple[InfoExcerpt, InfoEntry]]:
    total = sum(excerpt.num_samples for excerpt in excerpts)
    for excerpt in excerpts:
        samples = [sample for sample in excerpt.samples if sample.get("images")]
        num_cameras = max((len(sample["images"]) for sample in samples), default=1)
        budget = min(_MAX_FRAMES, max(_MIN_FRAMES, _MAX_IMAGES // num_cameras))
        count = min(len(samples), max(1, round(budget * excerpt.num_samples / max(total, 1))))
        for place in np.linspace(0, len(samples) - 1, count).round().astype(int).tolist():
            yield excerpt, samples[place]


def _read_images(
    sample: InfoEntry,
    metainfo: Mapping[str, Any],
    data_root: str | Path,
    points: Points,
    extrinsics: Mapping[str, Extrinsics],
) -> Iterator[CameraFrame]:
    for camera, view in read_field(sample, "images", dict).items():
        where = f"images.{camera}."
        path = resolve_path(metainfo, camera, read_path(view, "img_path", where))
        cam2img = read_matrix(view, "cam2img", (3, 3), where)
        lidar2cam = read_matrix(view, "lidar2cam", (4, 4), where)
        source = extrinsics.get(camera)
        axes_change = np.eye(4) if source is None else source.axes_change
        inverse = axes_change @ invert_rigid(lidar2cam) @ axes_change
        with suppress(BrokenFileError, FileNotFoundError):
            image = read_image(os.path.join(data_root, path), image_shape(view, where))
            token = str(sample.get("token"))
            yield CameraFrame(camera, points, image, cam2img, lidar2cam, inverse, token)
