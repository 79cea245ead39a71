"""Checks of what a config reads: its data sets are built, and samples run through."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.semantic_labels import IGNORE_INDEX
from perception_kd.doctor.finding import Finding, Level
from perception_kd.registry import DATASETS

_AREA = "pipeline"
_MAX_SAMPLES = 8


def _num_pairs(packed: Any) -> int:
    return len(packed["inputs"]["pairing_points"])


def _num_in_regions(packed: Any) -> int:
    return int((packed["inputs"]["region_ids"] >= 0).sum())


def _num_superpixels(packed: Any) -> int:
    return int((packed["inputs"]["superpixels"] >= 0).sum())


def _num_boxes(packed: Any) -> int:
    return len(packed["data_samples"].gt_instances_3d.labels_3d)


def _num_labeled(packed: Any) -> int:
    return int((packed["data_samples"].gt_pts_seg.pts_semantic_mask != IGNORE_INDEX).sum())


def _num_cells(packed: Any) -> int:
    return int(packed["data_samples"].gt_bev_seg.masks.sum())


# What a model learns from, by its name: its number in a packed sample.
_COUNTS: Mapping[str, Callable[[Any], int]] = {
    "pairs of points and pixels": _num_pairs,
    "points in regions": _num_in_regions,
    "pixels in superpixels": _num_superpixels,
    "boxes": _num_boxes,
    "labeled points": _num_labeled,
    "cells of the map": _num_cells,
}


def check_pipelines(cfg: Config, num: int) -> Iterator[Finding]:
    """Yield findings on the data sets of a config.

    Args:
        cfg: Config of the run.
        num: Number of samples per data set at most.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    done: list[Any] = []
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        settings = (cfg.get(name) or {}).get("dataset")
        if settings is None or settings in done:
            continue
        done.append(settings)
        dataset = build_data_set(cfg, name)
        if isinstance(dataset, Finding):
            yield dataset
        else:
            yield from check_pipeline(dataset, f"{name}.dataset", min(num, _MAX_SAMPLES))


def build_data_set(cfg: Config, loader: str) -> Any:
    """Return the data set of a data loader, or a finding on why it cannot be built."""
    where = f"{loader}.dataset"
    try:
        return DATASETS.build(cfg[loader].dataset)
    except Exception as error:
        return Finding(Level.ERROR, _AREA, _explain(error), where, "correct the config or its data")


def check_pipeline(dataset: Any, where: str, num: int) -> Iterator[Finding]:
    """Yield findings on samples of a data set, after its pipeline.

    Args:
        dataset: A built data set.
        where: Name of its settings, for the findings.
        num: Number of samples, spread over the data set.
    """
    places = np.linspace(0, len(dataset) - 1, min(num, len(dataset))).round().astype(int)
    counts: dict[str, list[int]] = {}
    for index in dict.fromkeys(places.tolist()):
        try:
            packed = dataset[index]
        except Exception as error:
            what = f"Sample {index} cannot be loaded: {_explain(error)}"
            yield Finding(Level.ERROR, _AREA, what, where, "correct the file or the setting")
            return
        _count(packed, counts)
    yield from _judge(counts, where)
    shown = ", ".join(f"{np.mean(numbers):.0f} {name}" for name, numbers in counts.items())
    what = f"{len(dataset)} samples; each of {len(set(places.tolist()))} has on average {shown}."
    yield Finding(Level.OK, _AREA, what if counts else f"{len(dataset)} samples.", where)


def _count(packed: Any, counts: dict[str, list[int]]) -> None:
    for name, count in _COUNTS.items():
        try:
            counts.setdefault(name, []).append(count(packed))
        except (AttributeError, KeyError, TypeError, IndexError):
            counts.pop(name, None)  # the pipeline does not make it


def _judge(counts: Mapping[str, Sequence[int]], where: str) -> Iterator[Finding]:
    """Yield findings on content that no sample has: the run would learn nothing."""
    for name, numbers in counts.items():
        without = sum(number == 0 for number in numbers)
        if without == len(numbers):
            what = f"None of {len(numbers)} samples has {name}: there is nothing to learn from."
            remedy = "check calibration, caches and labels with --infos and --report"
            yield Finding(Level.ERROR, _AREA, what, where, remedy)
        elif without > len(numbers) / 2:
            what = f"{without} of {len(numbers)} samples have no {name}."
            yield Finding(Level.WARNING, _AREA, what, where, "check the settings of the pipeline")


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    is_explained = isinstance(error, OSError | ValueError)
    return text if is_explained and text else f"{type(error).__name__}: {text}"
