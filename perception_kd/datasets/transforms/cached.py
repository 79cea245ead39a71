"""Load the superpixels of images and the regions of points from their caches."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.transforms.base import Transform
from perception_kd.datasets.transforms.image_geometry import view_sizes
from perception_kd.io.caches.cache import Cache
from perception_kd.io.point_files.readers import count_stored_points
from perception_kd.regions import codec as regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from perception_kd.superpixels import codec as superpixels


class CachedTransform(Transform):
    """A transform that reads entries of a cache, which is opened with the first sample.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        settings: Settings that the cache must have been created with; others are not
            checked. None accepts every cache of this kind.

    Attributes:
        kind: Kind of cache.
        opens: Class that such a cache is opened as.
    """

    kind: str
    opens: type[Cache] = Cache

    def __init__(self, cache: str, settings: Mapping[str, Any] | None = None) -> None:
        self.cache = cache
        self.settings = settings
        self._opened: dict[str, Cache] = {}

    def open_cache(self, sample: Sample) -> Cache:
        """Return the cache of a sample's data set.

        Raises:
            ValueError: If there is no such cache, or it has other settings.
        """
        folder = Path(sample["info_root"]) / self.cache
        if str(folder) not in self._opened:
            try:
                self._opened[str(folder)] = self.opens.open(folder, self.kind, self.settings)
            except FileNotFoundError as error:
                # No sample has a file: skipping them all would hide the reason.
                raise ValueError(self._explain_missing(Path(sample["info_root"]))) from error
        return self._opened[str(folder)]

    def creation_options(self) -> str:
        """Return the options of ``create_data.py`` that create such a cache."""
        return ""

    def _explain_missing(self, info_root: Path) -> str:
        """Say how to create the cache, and which one could be read instead."""
        folder = info_root / self.cache
        command = (
            f"python tools/create_data.py {self.kind} --info {info_root}/*_infos_*.pkl "
            f"--data-root DATA --out-dir {folder}{self.creation_options()}"
        )
        name, _, number = folder.name.rpartition("_")
        if name == "joint" and number.isdigit():  # a command that makes caches of two kinds
            command = (
                f"python tools/create_data.py joint_regions --info {info_root}/*_infos_*.pkl "
                f"--data-root DATA --num-segments {number}"
            )
        message = f"There is no cache of {self.kind} at {folder}. Create it: {command}"
        parent = Path(self.cache).parent
        others = [parent / path.name for path in sorted(folder.parent.glob("*/"))]
        for other in others:
            with contextlib.suppress(FileNotFoundError, ValueError):
                Cache.open(info_root / other, self.kind, self.settings)
                option = f"{{train,val}}_dataloader.dataset.pipeline.load_{self.kind}.cache={other}"
                message += f"; or read {other}, which exists: --cfg-options {option}"
        return message


@TRANSFORMS.register_module()
class LoadSuperpixels(CachedTransform):
    """Load the superpixels of each view from a cache.

    Reads: ``info_root``, ``img_tokens``; ``imgs``, or without them the sizes that the
    info file or the image files state; ``img_paths`` where present. Writes:
    ``superpixels``.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        settings: Settings that the cache must have been created with.
    """

    kind = superpixels.SUPERPIXELS

    def creation_options(self) -> str:
        """Return backend and number of segments, by which folders are named."""
        backend, _, number = Path(self.cache).name.rpartition("_")
        return f" --backend {backend} --num-segments {number}" if number.isdigit() else ""

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with superpixels.

        Raises:
            FileNotFoundError: If the cache lacks an image.
            BrokenFileError: If an entry is truncated or not of its image.
            ValueError: If there is no such cache, or it has other settings.
        """
        cache = self.open_cache(sample)
        maps = []
        paths = sample.get("img_paths", [None] * len(sample["img_tokens"]))
        for token, size, path in zip(sample["img_tokens"], view_sizes(sample), paths, strict=True):
            maps.append(superpixels.load_superpixels(cache, token, size, path))
        return {**sample, "superpixels": maps}


@TRANSFORMS.register_module()
class LoadRegions(CachedTransform):
    """Load the region of each point of the keyframe's sweep.

    Points of earlier sweeps are in no region: regions are created from one sweep.

    Reads: ``info_root``, ``sample_token``, ``lidar_path``, ``point_layout``,
    ``original_points``. Writes: ``region_ids``.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        settings: Settings of the cache; None asks for the defaults of
            :class:`~perception_kd.regions.settings.RegionSettings`, whatever the height
            of the sensor, and {} accepts all regions.
    """

    kind = regions.REGIONS

    def __init__(self, cache: str, settings: Mapping[str, Any] | None = None) -> None:
        if settings is None:
            # The height of the sensor depends on the vehicle.
            settings = RegionSettings().as_dict()
            del settings["sensor_height"]
        super().__init__(cache, settings)

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with the region of each point, -1 outside all regions.

        Raises:
            FileNotFoundError: If the cache lacks the sample.
            BrokenFileError: If an entry is broken or not of its sweep.
            ValueError: If there is no such cache, or it has other settings.
        """
        cache = self.open_cache(sample)
        num_points = count_stored_points(sample["lidar_path"], sample["point_layout"])
        token, path = sample["sample_token"], sample["lidar_path"]
        stored = np.maximum(regions.load_region_ids(cache, token, num_points, path), -1)
        row = sample["original_points"]
        return {**sample, "region_ids": np.where(row >= 0, stored[row], np.int32(-1))}
