"""Cameras, clouds and similarity: what the networks of a demo see and find alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.experiments.report.colors import as_hex, class_colors, color_ramp
from perception_kd.experiments.report.encoding import encode_array, encode_picture
from perception_kd.experiments.report.keyframes import PROBE_ARMS, VIEW_RANGE, Keyframe
from perception_kd.experiments.report.reduction import (
    principal_colors,
    quantize,
    similarity_basis,
)
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.views import camera_name, title, view_order
from perception_kd.experiments.report.work_dir import ARMS
from perception_kd.regions.drawing import region_colors
from perception_kd.visualization.pairs import color_distances, draw_view
from perception_kd.visualization.similarity import COLOR_MAP, COLOR_RANGE, spread_queries

MAX_DISTANCE = 60.0  # m, of the colors of projected points
PICTURE_WIDTH = 800  # px
NUM_CHANNELS = 32
NUM_QUERIES = 8
FIRST_QUERY = "car"


def cameras_section(keyframes: list[Keyframe], reason: str) -> Section:
    """Show every image with superpixels and projected points."""
    ramp = color_distances(np.linspace(0, MAX_DISTANCE, 12), MAX_DISTANCE)
    content = {
        "keyframes": [
            {
                "title": title(keyframe.sample),
                "views": [_draw(keyframe, v) for v in view_order(keyframe.sample)],
            }
            for keyframe in keyframes
        ],
        "ramp": [as_hex((int(r), int(g), int(b))) for r, g, b in ramp],
        "max_distance": MAX_DISTANCE,
    }
    return Section("cameras", "Cameras", content, missing=(reason,) if reason else ())


def clouds_section(keyframes: list[Keyframe], reason: str) -> Section:
    """Show clouds by class, by prediction and by principal components."""
    classes = keyframes[0].classes if keyframes else ()
    colors = class_colors(classes)
    modes = _modes(keyframes)
    wanted = {
        "truth": "class",
        **{arm: f"prediction of the probe from {ARMS[arm]}" for arm in PROBE_ARMS},
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
        "titles": [title(k.sample) for k in keyframes],
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


def similarity_section(keyframes: list[Keyframe], reason: str) -> Section:
    """Let a point or pixel be chosen, and show what is like it."""
    content = {
        "keyframes": [
            {
                "title": title(keyframe.sample),
                "queries": suggest_queries(keyframe),
                "views": [_picture(keyframe, view) for view in view_order(keyframe.sample)],
            }
            for keyframe in keyframes
        ],
        "ramp": [as_hex(color) for color in color_ramp(COLOR_MAP)],
        "range": COLOR_RANGE,
        "channels": NUM_CHANNELS,
    }
    payload = {
        "keyframes": [compact_features(keyframe) for keyframe in keyframes],
        "ramp": color_ramp(COLOR_MAP),
        "range": COLOR_RANGE,
    }
    return Section(
        "similarity",
        "What is alike",
        content,
        payload if keyframes else None,
        (reason,) if reason else (),
    )


def suggest_queries(keyframe: Keyframe) -> list[dict[str, Any]]:
    """Return points worth comparing: of each class the nearest one that a camera sees.

    A car is the first, where there is one. Without labels they are points that lie far
    apart.

    Returns:
        The row among the shown points and a caption of each.
    """
    paired = np.isin(keyframe.shown, keyframe.sample["pairing_points"]) & keyframe.in_range
    positions, truth = keyframe.positions, keyframe.truth
    candidates = np.flatnonzero(paired)
    if len(candidates) == 0:
        return []
    if truth is None:
        rows = spread_queries(positions, candidates, NUM_QUERIES)
    else:
        labels = truth[candidates]
        present = [i for i in range(len(keyframe.classes)) if (labels == i).any()]
        present.sort(key=lambda i: (keyframe.classes[i] != FIRST_QUERY, i))
        rows = [spread_queries(positions, candidates[labels == i], 1)[0] for i in present]
    return [{"row": row, "caption": _caption(keyframe, row)} for row in rows]


def compact_features(keyframe: Keyframe) -> dict[str, Any]:
    """Return the features of points and pixels, reduced to ``NUM_CHANNELS`` bytes each.

    Both are projected on the same directions, so their cosines survive.
    """
    pixels = keyframe.pixel_feats
    stacked = np.concatenate([keyframe.point_feats, pixels.reshape(-1, pixels.shape[-1])])
    basis = similarity_basis(stacked, NUM_CHANNELS)
    return {
        "points": encode_array(quantize(keyframe.point_feats @ basis)),
        "pixels": encode_array(quantize(pixels @ basis)),
        "pairs": encode_array(pairs_of_shown(keyframe)),
    }


def pairs_of_shown(keyframe: Keyframe) -> NDArray[np.int32]:
    """Return where shown points lie in the images.

    Returns:
        (row among the shown points, view, u, v) a pair, u and v in 1/10000 of the
        image's width and height, shape (P, 4).
    """
    sample = keyframe.sample
    place = np.full(len(sample["points"]), -1)
    place[keyframe.shown] = np.arange(len(keyframe.shown))
    view, row, col = sample["pairing_images"].T
    heights, widths = np.array([img.shape[:2] for img in sample["imgs"]]).T
    u = (10000 * (col + 0.5) / widths[view]).astype(int)
    v = (10000 * (row + 0.5) / heights[view]).astype(int)
    pairs = np.stack([place[sample["pairing_points"]], view, u, v], axis=1)
    return pairs[pairs[:, 0] >= 0].astype(np.int32)


def _modes(keyframes: list[Keyframe]) -> dict[str, str]:
    """Return the ways to color a cloud, those that there is data for."""
    if not keyframes:
        return {}
    modes = {} if keyframes[0].truth is None else {"truth": "Class (ground truth)"}
    modes |= {
        arm: f"Linear probe, {ARMS[arm]}" for arm in PROBE_ARMS if arm in keyframes[0].predictions
    }
    if "region_ids" in keyframes[0].sample:
        modes["regions"] = "Regions, which PRC learns from"
    return {**modes, "pca": "Pre-trained features of SLidR (PCA)"}


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


def _draw(keyframe: Keyframe, view: int) -> dict[str, Any]:
    picture = draw_view(keyframe.sample, view, MAX_DISTANCE)
    return _view(keyframe, view, picture)


def _picture(keyframe: Keyframe, view: int) -> dict[str, Any]:
    return _view(keyframe, view, keyframe.sample["imgs"][view])


def _view(keyframe: Keyframe, view: int, picture: NDArray[np.uint8]) -> dict[str, Any]:
    sample = keyframe.sample
    return {
        "view": view,
        "name": camera_name(sample, view),
        "src": encode_picture(picture, PICTURE_WIDTH),
        "height": picture.shape[0],
        "width": picture.shape[1],
        "num_pairs": int((sample["pairing_images"][:, 0] == view).sum()),
    }


def _caption(keyframe: Keyframe, row: int) -> str:
    distance = np.linalg.norm(keyframe.positions[row])
    truth = keyframe.truth
    known = truth is not None and truth[row] < len(keyframe.classes)
    name = (
        keyframe.classes[truth[row]].replace("_", " ") if known and truth is not None else "point"
    )
    return f"{name}, {distance:.0f} m"
