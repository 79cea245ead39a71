"""A tiny synthetic data set, with the caches that configs read."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.engine.commands import create_regions as regions
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.superpixels import command as superpixels
from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SYNTHETIC_VERSION, SyntheticSettings

# One training and one validation scene, small enough to be rendered in seconds.
SETTINGS = SyntheticSettings(scenes=2, keyframes=2, sweeps=1, width=320, height=180)
_COMMANDS = {"regions": regions, "superpixels": superpixels}


def make_smoke_data(
    root: Path, cfgs: Iterable[Config], settings: SyntheticSettings = SETTINGS
) -> None:
    """Render a data set, and write its info files and caches into the same folder.

    Args:
        root: Folder to create.
        cfgs: Configs whose caches are made.
        settings: Size and seed of the data.
    """
    create_synthetic(root, settings, workers=0, progress=False)
    convert_nuscenes(root, SYNTHETIC_VERSION, workers=0, progress=False)
    infos = [str(path) for path in sorted(root.glob("*_infos_*.pkl"))]
    for cache, wanted in list_caches(cfgs).items():
        command = _COMMANDS[cache.partition("/")[0]]
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        words = ["--info", *infos, "--data-root", str(root), "--out-dir", str(root / cache)]
        command.run(parser.parse_args([*words, "--workers", "0", *cache_options(cache, wanted)]))


def list_caches(cfgs: Iterable[Config]) -> dict[str, dict[str, Any]]:
    """Return the caches of superpixels and regions that the loaders of configs read.

    Returns:
        The settings that a config expects by the folder of the cache, such as
        ``superpixels/skimage_150``, sorted.
    """
    loaders = [cfg.get(f"{split}_dataloader") for cfg in cfgs for split in ("train", "val", "test")]
    found = {
        settings["cache"]: dict(settings.get("settings") or {})
        for settings in walk_settings(loaders)
        if isinstance(settings.get("cache"), str) and settings.get("type") != "StoredCrops"
    }
    return dict(sorted(found.items()))


def cache_options(cache: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the options of ``create_data.py`` that give a cache its settings.

    Args:
        cache: Folder of the cache, such as ``superpixels/skimage_150``.
        settings: Settings that a config expects.
    """
    kind, _, name = cache.partition("/")
    if kind == "superpixels":
        backend = name.rpartition("_")[0]
        return ["--backend", backend, "--num-segments", str(settings["num_segments"])]
    given = [f"{key}={value}" for key, value in settings.items()]
    return ["--preview", "0", *(["--settings", *given] if given else [])]
