"""Crops of images that a teacher has seen before, with its features from a cache."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.seeding import make_rng
from perception_kd.datasets.stored_views import (
    TEACHER,
    WHOLE_MAP,
    StoredView,
    shape_map,
    spread_rows,
    sum_superpixels,
    unpack_views,
    view_key,
)
from perception_kd.datasets.transforms.base import check_probability
from perception_kd.datasets.transforms.cached import CachedTransform
from perception_kd.datasets.transforms.image_geometry import (
    CropBox,
    check_size,
    crop_views,
    mirror_views,
    view_sizes,
)
from perception_kd.datasets.transforms.slidr_images import RandomResizedCrop
from perception_kd.io.caches.rows import RowCache, RowEntry
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from perception_kd.superpixels.codec import SUPERPIXELS


@TRANSFORMS.register_module()
class StoredCrops(CachedTransform):
    """Take one of the stored crops of each image, with the teacher's features of it.

    It replaces ``RandomResizedCrop`` and ``RandomFlipImages``, or ``ResizeImages``, and
    no image has to be loaded. ``tools/create_data.py teacher`` draws the crops as those
    two do, with the pairs of the points before augmentation, runs the teacher of the
    config on them, and stores what is compared. What this changes in a training:
    each image has ``num_crops`` crops instead of a new one in each epoch, and features
    have 16 bits.

    Reads: ``info_root``, ``img_tokens``; ``superpixels``, ``pairing_*`` where present.
    Writes: the same, ``img_aug_matrix``, ``teacher_cache``; ``superpixel_feats`` or
    ``teacher_maps``.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        size: Height and width of the crops in px.
        stores: "superpixels" for the mean over each superpixel, "map" for the teacher's
            whole map.
        num_crops: Number of crops of each image; 0 for the whole image alone, as in
            validation.
        crop: Further arguments of ``RandomResizedCrop``.
        p: Probability that a crop is mirrored.
        seed: Seed of the crops.

    Raises:
        ValueError: If a setting is out of its range.
    """

    kind = TEACHER
    opens = RowCache

    def __init__(
        self,
        cache: str,
        size: tuple[int, int] = (224, 416),
        stores: str = SUPERPIXELS,
        num_crops: int = 4,
        crop: Mapping[str, Any] | None = None,
        p: float = 0.5,
        seed: int = 0,
    ) -> None:
        if stores not in (SUPERPIXELS, WHOLE_MAP):
            raise ValueError(
                f'stores must be "{SUPERPIXELS}" or "{WHOLE_MAP}", but got "{stores}".'
            )
        if num_crops < 0:
            raise ValueError(f"num_crops must not be negative, but got {num_crops}.")
        self.size = check_size(size)
        self.stores = stores
        self.num_crops = num_crops
        self.p = check_probability("p", p)
        self.seed = seed
        self._crop = RandomResizedCrop(self.size, **(crop or {}))
        settings = {"size": list(self.size), "stores": stores, "antialias": self._crop.antialias}
        if num_crops:
            settings["crops"] = self._describe_crops()
        super().__init__(cache, settings)

    @property
    def crops(self) -> list[int | None]:
        """Numbers of the crops of each image; None is the whole image."""
        return list(range(self.num_crops)) if self.num_crops else [None]

    def cut(self, sample: Sample, crop: int | None) -> tuple[Sample, list[StoredView]]:
        """Return a sample with one of the crops, and where they are.

        The crop depends on the seed, the sample and the number alone.

        Args:
            sample: The sample with images and pairs, before any augmentation.
            crop: Number of the crop, or None.
        """
        sizes = view_sizes(sample)
        boxes, flips = [CropBox(0, 0, *size) for size in sizes], np.zeros(len(sizes), dtype=bool)
        if crop is not None:
            rng = make_rng(self.seed, crop, sample["sample_token"])
            boxes = self._crop.draw(sample, rng)
            flips = rng.random(len(sizes)) < self.p
        views = [StoredView(*box, int(flip)) for box, flip in zip(boxes, flips, strict=True)]
        return self._move(sample, views), views

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with crops and features, the crop of each view drawn.

        Raises:
            FileNotFoundError: If the cache lacks a view.
            BrokenFileError: If an entry is damaged.
            ValueError: If there is no such cache, it has other settings, or its
                features were taken over other superpixels.
        """
        cache = self.open_cache(sample)
        assert isinstance(cache, RowCache)
        tokens = sample["img_tokens"]
        drawn = [
            int(sample["rng"].integers(self.num_crops)) if self.num_crops else None for _ in tokens
        ]
        keys = [view_key(token, crop) for token, crop in zip(tokens, drawn, strict=True)]
        entries = [cache.read_rows(key) for key in keys]
        views = unpack_views(entries)
        moved = self._move(sample, views)
        moved["teacher_cache"] = {
            "folder": str(cache.folder),
            "teacher": cache.manifest["settings"]["teacher"],
        }
        if self.stores == WHOLE_MAP:
            moved["teacher_maps"] = np.stack([shape_map(entry) for entry in entries])
        else:
            check_superpixels(cache.folder, keys, views, moved.get("superpixels", []))
            moved["superpixel_feats"] = _spread_all(entries, moved["superpixels"])
        return moved

    def _move(self, sample: Sample, views: Sequence[StoredView]) -> Sample:
        boxes = [CropBox(*view[:4]) for view in views]
        cropped = crop_views(sample, boxes, self.size, self._crop.antialias)
        flips = np.array([view.is_mirrored for view in views], dtype=bool)
        return mirror_views(cropped, flips, [self.size[1]] * len(views))

    def _describe_crops(self) -> dict[str, Any]:
        """Return all that decides the crops, as JSON types."""
        crop = self._crop
        return {
            "num_crops": self.num_crops,
            "scale": list(crop.scale),
            "ratio": list(crop.ratio),
            "min_pairs": crop.min_pairs,
            "min_fraction": crop.min_fraction,
            "max_tries": crop.max_tries,
            "p": self.p,
            "seed": self.seed,
        }

    def _explain_missing(self, info_root: Path) -> str:
        return (
            f"There is no cache of a teacher at {info_root / self.cache}. Create it: python "
            f"tools/create_data.py {TEACHER} --config CONFIG --info-root {info_root}, with the "
            "config of this training."
        )


def check_superpixels(
    folder: Path,
    keys: Sequence[str],
    views: Sequence[StoredView],
    superpixels: Sequence[NDArray[np.int32]],
) -> None:
    """Check that features were averaged over the superpixels of a sample.

    Args:
        folder: Folder of the cache, for errors.
        keys: Key of each view.
        views: The stored views.
        superpixels: Ids in each crop, shape (H, W) each.

    Raises:
        ValueError: If they were not, or the sample has none.
    """
    if len(superpixels) != len(views):
        raise ValueError(
            f"{folder} holds means over superpixels, but the sample has {len(superpixels)} maps of "
            f"superpixels for {len(views)} views; keep LoadSuperpixels in the pipeline."
        )
    for key, view, ids in zip(keys, views, superpixels, strict=True):
        if view.checksum != sum_superpixels(ids):
            raise ValueError(
                f"{folder} is stale: its features of {key} are means over other superpixels than "
                "those that are loaded now. Read those of that time, or delete the folder and "
                f"make it again with tools/create_data.py {TEACHER}."
            )


def _spread_all(
    entries: Sequence[RowEntry], superpixels: Sequence[NDArray[np.int32]]
) -> NDArray[np.float16]:
    return np.concatenate(
        [
            spread_rows(entry, int(ids.max(initial=-1)) + 1)
            for entry, ids in zip(entries, superpixels, strict=True)
        ]
    )
