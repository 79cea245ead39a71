"""Convert data and make caches, as far as they are missing."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from perception_kd.api.pretraining.sources import CONVERTED
from perception_kd.datasets.catalog import SOURCES
from perception_kd.datasets.source import Source
from perception_kd.io.caches.cache import Cache
from perception_kd.io.info_file import open_info
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_checks import is_plausible
from perception_kd.io.point_files.readers import read_points
from perception_kd.regions.codec import REGIONS
from perception_kd.superpixels.codec import SUPERPIXELS
from perception_kd.superpixels.settings import SlicSettings

DATA = "data"
_CACHE_COMMANDS = {
    SUPERPIXELS: "perception_kd.superpixels.command",
    REGIONS: "perception_kd.engine.commands.create_regions",
}
_NUM_LOOKED_AT = 5  # sweeps


@dataclass(frozen=True)
class Prepared:
    """Data with info files.

    Attributes:
        data_root: Folder of the sensor data.
        info_root: Folder of the info files.
        prefix: What their names begin with, before ``_infos_train.pkl``.
        num_train: Number of training samples.
        num_val: Number of validation samples; 0 without validation.
        cameras: Names of the cameras of the training samples.
        num_sweeps: Median number of earlier sweeps per sample.
        greatest_intensity: Greatest intensity of some sweeps.
    """

    data_root: Path
    info_root: Path
    prefix: str
    num_train: int
    num_val: int
    cameras: tuple[str, ...]
    num_sweeps: int
    greatest_intensity: float

    @property
    def infos(self) -> list[str]:
        """Paths of the existing info files."""
        splits = ("train", "val") if self.num_val else ("train",)
        return [str(self.info_root / f"{self.prefix}_infos_{split}.pkl") for split in splits]


def convert(source: Source, out: Path, workers: int) -> Prepared:
    """Make the info files of data, unless they are there.

    Args:
        source: What the data are.
        out: Folder of results; its folder ``data`` gets the info files.
        workers: Number of processes.

    Returns:
        The data, as their info files describe them.

    Raises:
        Exception: What ``tools/create_data.py`` refuses.
    """
    if source.kind == CONVERTED:
        return summarize_data(source.root, source.root)
    info_root = out / DATA
    if not list(info_root.glob("*_infos_train.pkl")):
        words = [*source.options, "--out-dir", str(info_root)]
        words += ["--workers", str(workers)] if source.has_workers else []
        _run(SOURCES[source.kind].command, words)
    return summarize_data(info_root / source.data_root, info_root)


def summarize_data(data_root: Path, info_root: Path) -> Prepared:
    """Read what settings of a training depend on from info files and some sweeps.

    Raises:
        ValueError: If there are the info files of several data sets, or no sample.
    """
    names = sorted(path.name for path in info_root.glob("*_infos_train.pkl"))
    if len(names) != 1:
        raise ValueError(
            f"{info_root} must have one *_infos_train.pkl, but has {', '.join(names) or 'none'}: "
            "the conversion needs scenes for training, and one data set per folder."
        )
    prefix = names[0].partition("_infos_")[0]
    info = open_info(info_root / names[0])
    samples = info["data_list"]
    if not samples:
        raise ValueError(f"{info_root / names[0]} has no sample; there is nothing to learn from.")
    val = info_root / f"{prefix}_infos_val.pkl"
    return Prepared(
        data_root,
        info_root,
        prefix,
        num_train=len(samples),
        num_val=len(open_info(val)["data_list"]) if val.is_file() else 0,
        cameras=tuple(dict.fromkeys(name for each in samples for name in each.get("images", {}))),
        num_sweeps=int(np.median([len(each.get("lidar_sweeps", ())) for each in samples])),
        greatest_intensity=_greatest_intensity(info, info_root / names[0], data_root),
    )


def make_cache(prepared: Prepared, kind: str, out: Path, workers: int) -> str:
    """Make the superpixels or regions of all samples, unless they are there.

    Args:
        prepared: The data.
        kind: "superpixels" or "regions".
        out: Folder of results; its folder ``data`` gets the cache, unless the folder of
            the info files has one.
        workers: Number of processes.

    Returns:
        The folder of the cache, absolute.
    """
    name = (
        f"{SlicSettings.backend}_{SlicSettings.num_segments}" if kind == SUPERPIXELS else "dbscan"
    )
    existing = prepared.info_root / kind / name
    if prepared.info_root != out / DATA and existing.is_dir():
        Cache.open(existing, kind)
        print_log(f"{kind}: reading {existing}, which exists.", logger="current")
        return str(existing)
    folder = out / DATA / kind / name
    words = ["--info", *prepared.infos, "--data-root", str(prepared.data_root)]
    words += ["--out-dir", str(folder), "--workers", str(workers)]
    _run(_CACHE_COMMANDS[kind], words)
    return str(folder)


def _greatest_intensity(info: dict[str, Any], path: Path, data_root: Path) -> float:
    """Return the greatest intensity of a few sweeps, all readable."""
    sweeps = list_sweeps(path, info, data_root)
    chosen = sweeps[:: -(-len(sweeps) // _NUM_LOOKED_AT)]
    clouds = [read_points(sweep.path, sweep.layout) for sweep in chosen]
    return max(float(cloud[is_plausible(cloud), 3].max(initial=0.0)) for cloud in clouds)


def _run(module: str, words: Sequence[str]) -> None:
    """Run a command of ``tools/create_data.py`` in this process."""
    command = import_module(module)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args([*words]))
