"""Section of predicted maps, beside the ground truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.experiments.report.encoding import as_hex, encode_drawing
from perception_kd.experiments.report.layout import Section, name_keyframe
from perception_kd.experiments.report.networks import (
    finished_runs,
    name_unfinished,
    predict_keyframes,
    protocols_of,
    read_run_config,
)
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.visualization.maps import MAP_COLORS, draw_map

_TASK = "map"
CELL_SIZE = 3  # px of the image per cell
DEFAULT_THRESHOLD = 0.5
ALL = "all"


@dataclass(frozen=True)
class PredictedMaps:
    """The maps that one network predicts for some keyframes.

    Attributes:
        samples: mmdet3d's data samples with ``gt_bev_seg`` and ``pred_bev_seg``, whose
            ``masks`` have shape (classes, Y, X): ground truth and probabilities.
        classes: Names of the classes.
        thresholds: Lowest probability of a cell that is drawn, by class.
    """

    samples: list[Any]
    classes: tuple[str, ...]
    thresholds: dict[str, float]


Maps = dict[str, dict[str, PredictedMaps]]


def load_maps(work: WorkDir, num: int) -> Maps:
    """Run the map segmentors of a demo on some keyframes, spread over the test set.

    Args:
        work: Work dir of the demo.
        num: Maximum number of keyframes.

    Returns:
        Predictions of the trained networks, by protocol and initialization.

    Raises:
        FileNotFoundError: If the data is missing.
    """
    maps: Maps = {}
    for protocol in protocols_of(work, _TASK):
        for initialization, run in finished_runs(work, protocol).items():
            classes = tuple(read_run_config(run).test_evaluator["classes"])
            thresholds = best_thresholds(run.scores("map/miou_max"), classes)
            predicted = PredictedMaps(predict_keyframes(run, num), classes, thresholds)
            maps.setdefault(protocol, {})[initialization] = predicted
    return maps


def maps_section(work: WorkDir, maps: Maps, reason: str) -> Section:
    """Show the ground-truth map of each keyframe and, right of it, the predictions.

    Args:
        work: Work dir of the demo.
        maps: Predictions; may be empty.
        reason: Why they could not be loaded; empty if they could.
    """
    every = [predicted for by_key in maps.values() for predicted in by_key.values()]
    classes = _in_order([name for predicted in every for name in predicted.classes])
    titles = work.comparison.protocol_titles
    names = work.comparison.initialization_titles
    content = {
        "titles": [name_keyframe(sample) for sample in every[0].samples] if every else [],
        "names": {protocol: titles[protocol] for protocol in maps},
        "protocols": {
            protocol: {"title": titles[protocol], "keyframes": _draw_keyframes(predicted, names)}
            for protocol, predicted in maps.items()
        },
        "legend": [{"name": _words(n), "color": as_hex(MAP_COLORS[n])} for n in classes],
        "shown": {ALL: "all", **{name: _words(name) for name in classes}},
    }
    missing = (reason,) if reason else name_unfinished(work, _TASK, "maps")
    return Section("maps", "Maps", content, missing=missing)


def best_thresholds(scores: Mapping[str, float], classes: Sequence[str]) -> dict[str, float]:
    """Return the threshold with the best IoU of each class.

    Args:
        scores: Scores of an evaluation, with ``map/<class>_iou@<threshold>``.
        classes: Names of the classes. One without scores, because it is in no
            ground-truth map, gets ``DEFAULT_THRESHOLD``.
    """
    best = {}
    for name in classes:
        prefix = f"map/{name}_iou@"
        found = {float(k.removeprefix(prefix)): v for k, v in scores.items() if prefix in k}
        best[name] = max(found, key=lambda t: found[t]) if found else DEFAULT_THRESHOLD
    return best


def _draw_keyframes(
    maps: Mapping[str, PredictedMaps], names: Mapping[str, str]
) -> list[dict[str, list[dict[str, Any]]]]:
    """Return the images of each keyframe, by what they show: all classes, or one."""
    first = next(iter(maps.values()))
    return [
        {
            shown: [_draw_truth(sample, first.classes, shown)]
            + [
                {
                    **_draw_prediction(predicted, i, shown),
                    "name": names[key],
                    "initialization": key,
                }
                for key, predicted in maps.items()
            ]
            for shown in (ALL, *_in_order(first.classes))
        }
        for i, sample in enumerate(first.samples)
    ]


def _draw_truth(sample: Any, classes: Sequence[str], shown: str) -> dict[str, Any]:
    return {
        **_draw(_truth(sample), classes, shown),
        "name": "Ground truth",
        "initialization": "",
        "note": "",
    }


def _draw_prediction(predicted: PredictedMaps, i: int, shown: str) -> dict[str, Any]:
    sample, classes = predicted.samples[i], predicted.classes
    thresholds = np.array([predicted.thresholds[name] for name in classes])
    masks = sample.pred_bev_seg.masks.numpy() >= thresholds[:, None, None]
    note = ""
    if shown != ALL:
        of_class = classes.index(shown)
        share = intersection_over_union(masks[of_class], _truth(sample)[of_class])
        score = "not in the ground truth" if share is None else f"IoU here {share:.0%}"
        note = f"probability from {predicted.thresholds[shown]:.2f}; {score}"
    return {**_draw(masks, classes, shown), "note": note}


def _truth(sample: Any) -> NDArray[np.bool_]:
    masks: NDArray[np.bool_] = sample.gt_bev_seg.masks.numpy().astype(bool)
    return masks


def intersection_over_union(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float | None:
    """Return the IoU of two masks of one shape; None if the ground truth is empty."""
    return float((predicted & truth).sum() / (predicted | truth).sum()) if truth.any() else None


def _draw(masks: NDArray[np.bool_], classes: Sequence[str], shown: str) -> dict[str, Any]:
    """Draw all classes, or one."""
    visible = [i for i, name in enumerate(classes) if shown in (ALL, name)]
    names = [classes[i] for i in visible]
    image = draw_map(masks[visible], names, CELL_SIZE)
    shares = masks[visible].mean(axis=(1, 2))
    return {
        "src": encode_drawing(image),
        "height": image.shape[0],
        "width": image.shape[1],
        "shares": ", ".join(
            f"{_words(n)} {share:.0%}" for n, share in zip(names, shares, strict=True)
        ),
    }


def _in_order(classes: Sequence[str]) -> list[str]:
    """Return classes in the order in which they are drawn."""
    return [name for name in MAP_COLORS if name in classes]


def _words(name: str) -> str:
    return name.replace("_", " ")
