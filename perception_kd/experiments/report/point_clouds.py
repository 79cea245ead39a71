"""Section of point clouds: classes, predictions, regions and principal components."""

from typing import Any

import numpy as np

from perception_kd.experiments.report.encoding import as_hex, encode_array
from perception_kd.experiments.report.keyframes import VIEW_RANGE, Keyframe, probe_of
from perception_kd.experiments.report.layout import Section, name_keyframe
from perception_kd.experiments.report.reduction import principal_colors
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.regions.drawing import region_colors
from perception_kd.visualization.point_classes import class_colors


def clouds_section(work: WorkDir, keyframes: list[Keyframe], reason: str) -> Section:
    """Show point clouds by class, prediction, region and principal components.

    Args:
        work: Work dir of the demo.
        keyframes: Keyframes to show; may be empty.
        reason: Why there are no keyframes; empty if there are.
    """
    classes = keyframes[0].classes if keyframes else ()
    colors = class_colors(classes)
    titles = _probe_titles(work)
    modes = _modes(keyframes, titles)
    wanted = {
        "truth": "class",
        **{key: f"prediction of the probe from {title}" for key, title in titles.items()},
    }
    missing = [f"No {name}: not finished." for mode, name in wanted.items() if mode not in modes]
    payload: dict[str, Any] = {
        "keyframes": [_cloud(keyframe) for keyframe in keyframes],
        "classes": [
            {"name": name.replace("_", " "), "color": color}
            for name, color in zip(classes, colors, strict=True)
        ],
        "range": VIEW_RANGE,
    }
    content = {
        "titles": [name_keyframe(k.sample) for k in keyframes],
        "modes": modes,
        "legend": [
            {"name": entry["name"], "color": as_hex(entry["color"])} for entry in payload["classes"]
        ],
    }
    return Section(
        "clouds",
        "Point clouds",
        content,
        payload if keyframes else None,
        (reason,) if reason else tuple(missing),
    )


def _probe_titles(work: WorkDir) -> dict[str, str]:
    """Return the names of the initializations of the probe, by key."""
    probe, names = probe_of(work), work.comparison.initialization_titles
    keys = work.comparison.protocols[probe].initializations if probe else ()
    return {key: names[key] for key in keys}


def _modes(keyframes: list[Keyframe], titles: dict[str, str]) -> dict[str, str]:
    """Return the available ways to color the points: name for the reader, by key."""
    if not keyframes:
        return {}
    modes = {} if keyframes[0].truth is None else {"truth": "Class (ground truth)"}
    modes |= {
        key: f"Prediction, {title}"
        for key, title in titles.items()
        if key in keyframes[0].predictions
    }
    if "region_ids" in keyframes[0].sample:
        modes["regions"] = "Regions"
    return {**modes, "pca": "Pre-trained features (PCA)"}


def _cloud(keyframe: Keyframe) -> dict[str, Any]:
    truth = keyframe.truth
    labels = (
        dict(keyframe.predictions) if truth is None else {"truth": truth, **keyframe.predictions}
    )
    colors = {"pca": principal_colors(keyframe.point_feats, keyframe.in_range)}
    if "region_ids" in keyframe.sample:
        colors["regions"] = region_colors(keyframe.sample["region_ids"][keyframe.shown])
    return {
        "positions": encode_array((100 * keyframe.positions).round().astype(np.int16)),
        "labels": {name: encode_array(ids.astype(np.uint8)) for name, ids in labels.items()},
        "colors": {name: encode_array(rgb) for name, rgb in colors.items()},
    }
