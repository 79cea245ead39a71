"""Data sets whose crops the cache of a teacher holds, from the config of a training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.dataset import BaseDataset

from perception_kd.datasets.transforms.stored_crops import StoredCrops
from perception_kd.registry import DATASETS, TRANSFORMS
from perception_kd.superpixels.codec import SUPERPIXELS

_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
_CROPS, _PAIRS, _IMAGES = "StoredCrops", "PairPointsWithPixels", "LoadImages"


@dataclass(frozen=True)
class CropSource:
    """A data set whose pipeline takes crops from a cache.

    Attributes:
        dataset: The data set, with images, superpixels and pairs, not augmented.
        step: The step of the pipeline that takes the crops.
        info_root: Folder of info files and caches.
        ann_file: Its info file.
    """

    dataset: BaseDataset
    step: StoredCrops
    info_root: Path
    ann_file: str


def build_sources(cfg: Config) -> list[CropSource]:
    """Build the data sets of a config that take crops from a cache, each once.

    Args:
        cfg: Config of a pre-training, its pipelines lists of steps.

    Raises:
        ValueError: If no pipeline has the step, or two want different caches.
    """
    found: list[Mapping[str, Any]] = []
    for loader in _LOADERS:
        settings = (cfg.get(loader) or {}).get("dataset")
        while settings is not None and "dataset" in settings:
            settings = settings["dataset"]
        if settings is not None and settings not in found and _find(settings, _CROPS) is not None:
            found.append(settings)
    if not found:
        raise ValueError(
            f"{cfg.filename} reads no cache of a teacher: no pipeline has the step {_CROPS}; give "
            "a config that has it, such as one named -cached."
        )
    sources = [_build_source(settings) for settings in found]
    _check_agreement(sources)
    return sources


def merge_settings(sources: list[CropSource]) -> dict[str, Any]:
    """Return what the steps of all sources ask of their cache."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged.update(source.step.settings or {})
    return merged


def _build_source(settings: Mapping[str, Any]) -> CropSource:
    pipeline = list(settings["pipeline"])
    place, last = _find(settings, _CROPS), _find(settings, _PAIRS)
    assert place is not None
    if last is None or last > place:
        raise ValueError(
            f"{_CROPS} needs pairs, by which crops are chosen; put {_PAIRS} before it."
        )
    step: StoredCrops = TRANSFORMS.build(pipeline[place])
    # What follows the pairs augments points: the crops are of all epochs.
    before = [each for each in pipeline[: last + 1] if each["type"] != _IMAGES]
    if step.stores == SUPERPIXELS and not any(e["type"] == "LoadSuperpixels" for e in before):
        raise ValueError(
            f'{_CROPS} with stores="{SUPERPIXELS}" needs LoadSuperpixels before {_PAIRS}.'
        )
    dataset = DATASETS.build({**settings, "pipeline": [dict(type=_IMAGES), *before]})
    info_root = Path(dataset.info_root)
    return CropSource(dataset, step, info_root, str(settings["ann_file"]))


def _check_agreement(sources: list[CropSource]) -> None:
    first = sources[0]
    for other in sources[1:]:
        for name in ("cache", "size", "stores", "info_root"):
            pair = [getattr(s if name == "info_root" else s.step, name) for s in (first, other)]
            if pair[0] != pair[1]:
                raise ValueError(
                    f"All pipelines must take crops from one cache, but {name} is {pair[0]} for "
                    f"{first.ann_file} and {pair[1]} for {other.ann_file}."
                )


def _find(settings: Mapping[str, Any], kind: str) -> int | None:
    """Return the place of the first step of a type in a pipeline."""
    types = [step.get("type") for step in settings["pipeline"]]
    return types.index(kind) if kind in types else None
