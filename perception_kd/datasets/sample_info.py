"""What a sample starts as: its entry of an info file, and its random numbers."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.io.info_file import resolve_path


def parse_sample(
    raw: Mapping[str, Any],
    metainfo: dict[str, Any],
    cameras: Sequence[str] | None = None,
    max_sweeps: int = 10,
) -> dict[str, Any]:
    """Return the first block of ``docs/sample.md`` as far as the info file has it.

    Args:
        raw: Entry of the info file.
        metainfo: Head of the info file.
        cameras: Names of the cameras to give, in this order; None means all of them.
        max_sweeps: Earlier sweeps listed at most.

    Returns:
        The block with paths relative to the data set.

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
        "lidar2cam": np.array([view["lidar2cam"] for view in views], float),
        "cam2img": np.array([view["cam2img"] for view in views], float),
        "pts_semantic_mask_path": mask and resolve_path(metainfo, "pts_semantic_mask", mask),
    }


def _parse_sweep(sweep: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lidar_path": sweep["lidar_points"]["lidar_path"],
        "sweep2lidar": np.array(sweep["sweep2lidar"], float),
        "timestamp": sweep["timestamp"],
    }


def make_rng(seed: int, epoch: int, token: str, stream: int = 0) -> np.random.Generator:
    """Return the generator of one sample in one epoch.

    It depends on nothing else, so what a sample looks like does not depend on the
    number of workers, on other samples, or on whether the run was resumed.

    Args:
        seed: Seed of the run, not negative.
        epoch: Epoch, from 0.
        token: Name of the sample.
        stream: Another number gives an independent generator for another purpose.
    """
    digest = hashlib.sha256(token.encode()).digest()
    return np.random.default_rng([seed, epoch, stream, *np.frombuffer(digest, "<u4").tolist()])
