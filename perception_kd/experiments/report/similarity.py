"""Section of feature similarity, from a chosen point or pixel to all others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.experiments.report.cameras import encode_view
from perception_kd.experiments.report.encoding import as_hex, color_ramp, encode_array
from perception_kd.experiments.report.keyframes import Keyframe
from perception_kd.experiments.report.layout import Section, name_keyframe, order_views
from perception_kd.experiments.report.reduction import quantize, similarity_basis
from perception_kd.visualization.similarity import COLOR_MAP, COLOR_RANGE, spread_queries

_NUM_CHANNELS = 32
NUM_QUERIES = 8
FIRST_QUERY = "car"


def similarity_section(keyframes: list[Keyframe], reason: str) -> Section:
    """Show the similarity of all points and pixels to one that the reader chooses.

    Args:
        keyframes: Keyframes to show; may be empty.
        reason: Why there are no keyframes; empty if there are.
    """
    content = {
        "keyframes": [
            {
                "title": name_keyframe(keyframe.sample),
                "queries": suggest_queries(keyframe),
                "views": [
                    encode_view(keyframe, view, keyframe.sample["imgs"][view])
                    for view in order_views(keyframe.sample)
                ],
            }
            for keyframe in keyframes
        ],
        "ramp": [as_hex(color) for color in color_ramp(COLOR_MAP)],
        "range": COLOR_RANGE,
        "channels": _NUM_CHANNELS,
    }
    payload = {
        "keyframes": [compact_features(keyframe) for keyframe in keyframes],
        "ramp": color_ramp(COLOR_MAP),
        "range": COLOR_RANGE,
    }
    return Section(
        "similarity",
        "Feature similarity",
        content,
        payload if keyframes else None,
        (reason,) if reason else (),
    )


def suggest_queries(keyframe: Keyframe) -> list[dict[str, Any]]:
    """Return points to start with: the nearest one of each class that a camera sees.

    A car comes first, where there is one. Without labels, the points are spread over
    the keyframe.

    Returns:
        ``row`` among the shown points and ``caption`` of each.
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
    """Return the features of points and pixels, reduced to a few bytes each.

    Both are projected onto the same directions, which preserves their cosines.
    """
    pixels = keyframe.pixel_feats
    stacked = np.concatenate([keyframe.point_feats, pixels.reshape(-1, pixels.shape[-1])])
    basis = similarity_basis(stacked, _NUM_CHANNELS)
    return {
        "points": encode_array(quantize(keyframe.point_feats @ basis)),
        "pixels": encode_array(quantize(pixels @ basis)),
        "pairs": encode_array(pairs_of_shown(keyframe)),
    }


def pairs_of_shown(keyframe: Keyframe) -> NDArray[np.int32]:
    """Return the positions of the shown points in the images.

    Returns:
        (row among the shown points, view, u, v) per pair, with u and v in 1/10000 of
        the width and height of the image, shape (P, 4).
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


def _caption(keyframe: Keyframe, row: int) -> str:
    distance = np.linalg.norm(keyframe.positions[row])
    truth = keyframe.truth
    known = truth is not None and truth[row] < len(keyframe.classes)
    name = (
        keyframe.classes[truth[row]].replace("_", " ") if known and truth is not None else "point"
    )
    return f"{name}, {distance:.0f} m"
