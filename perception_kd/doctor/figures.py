"""Figures of samples that show errors of calibration, boxes, caches and maps."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.info_parsing import parse_boxes
from perception_kd.datasets.transforms.bev_maps import LoadBEVMasks
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.datasets.transforms.loading import LoadImages, LoadPoints
from perception_kd.datasets.transforms.pairing import PairPointsWithPixels
from perception_kd.doctor.data import choose_samples
from perception_kd.doctor.entries import classes_of
from perception_kd.doctor.infos import Info
from perception_kd.experiments.report.encoding import encode_drawing, encode_image
from perception_kd.io.caches.cache import Cache
from perception_kd.regions.codec import REGIONS, load_region_ids
from perception_kd.regions.drawing import region_colors
from perception_kd.structures import Image, InfoEntry, Sample
from perception_kd.superpixels.codec import SUPERPIXELS, load_superpixels
from perception_kd.visualization.boxes import TRUTH_COLOR, draw_boxes_bev
from perception_kd.visualization.maps import draw_map
from perception_kd.visualization.pairs import draw_sample
from perception_kd.visualization.point_classes import paint_points_bev

_WIDTH = 1800  # px, of the images of a sample
_RADIUS = 50.0  # m, of a view from above
_SIZE = 700  # px


class Figure(NamedTuple):
    """A figure of one sample.

    Attributes:
        title: What is shown.
        hint: What is right, so that a fault is noticed.
        url: The image as a data URL; empty if it could not be drawn.
        missing: Why it could not be drawn.
    """

    title: str
    hint: str
    url: str = ""
    missing: str = ""


class SampleFigures(NamedTuple):
    """The figures of one sample.

    Attributes:
        name: Info file, scene and token.
        figures: Its figures.
    """

    name: str
    figures: list[Figure]


def draw_samples(info: Info, caches: Sequence[Cache], num: int) -> list[SampleFigures]:
    """Draw samples that are spread over an info file.

    Args:
        info: The info file.
        caches: Opened caches of its superpixels and regions.
        num: Number of samples at most.
    """
    source = info.source
    try:
        dataset = CameraLidarDataset(
            str(source.path.absolute()), str(source.data_root), str(source.info_root), pipeline=[]
        )
    except ValueError:  # an entry is broken, which is a finding
        return []
    by_kind = {cache.manifest["kind"]: cache for cache in caches}
    drawn = []
    for index in choose_samples(len(info.samples), num):
        raw = info.samples[index]
        name = f"{source.path.name}: {raw.get('scene_name')}, {raw.get('token')}"
        sample = dataset.get_data_info(index)
        drawn.append(SampleFigures(name, _draw_all(sample, raw, info, by_kind)))
    return drawn


def _draw_all(sample: Sample, raw: InfoEntry, info: Info, caches: dict[str, Cache]) -> list[Figure]:
    images = "Points on images, by distance"
    if SUPERPIXELS in caches:
        images += ", and borders of superpixels"
    figures = [
        _draw(
            images,
            "Points lie on the objects that they hit: look at the edges of near objects.",
            lambda: encode_image(_draw_images(sample, caches.get(SUPERPIXELS)), _WIDTH),
        ),
        _draw(
            "Points and boxes from above",
            "Boxes enclose the points of their object; the line leads to its front.",
            lambda: encode_drawing(_draw_boxes(sample, raw, info)),
        ),
    ]
    if REGIONS in caches:
        figures.append(
            _draw(
                "Regions from above",
                "Objects have one strong color each; ground and walls are pale.",
                lambda: encode_drawing(_draw_regions(sample, caches[REGIONS])),
            )
        )
    if sample.get("location"):
        figures.append(
            _draw(
                "Map around the LiDAR",
                "The ego vehicle, in the middle, is on a light blue drivable area.",
                lambda: encode_drawing(_draw_map(sample)),
            )
        )
    return figures


def _draw(title: str, hint: str, draw: Callable[[], str]) -> Figure:
    try:
        return Figure(title, hint, draw())
    except Exception as error:  # of a damaged file, which a finding names
        return Figure(title, hint, missing=f"Not drawn: {type(error).__name__}: {error}")


def _draw_images(sample: Sample, cache: Cache | None) -> Image:
    loaded = LoadImages()({**sample, **_load_points(sample)})
    if cache is not None:
        loaded["superpixels"] = [
            load_superpixels(cache, token, (img.shape[0], img.shape[1]))
            for token, img in zip(loaded["img_tokens"], loaded["imgs"], strict=True)
        ]
    paired = PairPointsWithPixels()(loaded)
    assert paired is not None
    return draw_sample(paired, width=_WIDTH)


def _draw_boxes(sample: Sample, raw: InfoEntry, info: Info) -> Image:
    parsed = parse_boxes(raw.get("instances", []), classes_of(info.metainfo))
    boxes = make_boxes(parsed["bboxes_3d"])
    points = _load_points(sample)["points"]
    return draw_boxes_bev(points, [(boxes, TRUTH_COLOR)], _RADIUS, _SIZE)


def _draw_regions(sample: Sample, cache: Cache) -> Image:
    loaded = _load_points(sample)
    rows = loaded["original_points"]
    ids = load_region_ids(cache, sample["sample_token"], int(rows.max(initial=-1)) + 1)[rows]
    colors = region_colors(ids)
    # Regions cover the pale points of no region.
    order = np.argsort(ids >= 0, kind="stable")
    return paint_points_bev(loaded["points"][order], colors[order], _RADIUS, _SIZE)


def _draw_map(sample: Sample) -> Image:
    load = LoadBEVMasks([-_RADIUS, -_RADIUS, -5, _RADIUS, _RADIUS, 3], cell_size=0.5)
    loaded = load(sample)
    return draw_map(loaded["gt_bev_masks"].astype(bool), loaded["map_classes"], scale=3)


def _load_points(sample: Sample) -> Sample:
    loaded = LoadPoints()(sample)
    if loaded is None:
        raise ValueError(f"No point of {sample['lidar_path']} is finite.")
    return loaded
