"""From a teacher's map of a view to the rows that a cache holds of it."""

from typing import Any

import torch
from torch import Tensor

from perception_kd.datasets.stored_views import StoredView
from perception_kd.engine.teacher_cache.crops import CutCrop
from perception_kd.io.caches.rows import RowEntry
from perception_kd.ops.segment_pool import weigh_cells

# Superpixels whose weights are computed at once, which bounds memory.
_CHUNK = 256


@torch.no_grad()
def make_entries(model: Any, cut: CutCrop) -> list[tuple[str, RowEntry]]:
    """Run the teacher on the views of a job.

    Args:
        model: The pre-trainer, which normalizes images as in training; an
            :class:`~.ImageToLidarPretrainer`.
        cut: The views.

    Returns:
        Key and entry of each view.
    """
    imgs = model.data_preprocessor({"inputs": {"imgs": [cut.imgs]}})["inputs"]["imgs"]
    maps = model.img_backbone(imgs)  # (V, C, h, w)
    entries = []
    for number, (key, view) in enumerate(zip(cut.keys, cut.views, strict=True)):
        if cut.superpixels is None:
            entry = make_map_entry(maps[number], view)
        else:
            ids = cut.superpixels[number].to(maps.device).long()
            entry = make_mean_entry(maps[number], ids, view, model.img_head)
        entries.append((key, entry))
    return entries


def make_map_entry(feats: Tensor, view: StoredView) -> RowEntry:
    """Return the cells of a map (C, h, w) as rows."""
    rows = feats.flatten(1).T.half().cpu().numpy()
    height, width = feats.shape[1:]
    ids = torch.arange(len(rows), dtype=torch.int32).numpy()
    return RowEntry(ids, rows, view._replace(map_height=height, map_width=width))


def make_mean_entry(feats: Tensor, superpixels: Tensor, view: StoredView, head: Any) -> RowEntry:
    """Return the mean of an enlarged map over each superpixel.

    Args:
        feats: Map of the teacher, (C, h, w).
        superpixels: Ids from 0, -1 = none, int64, (H, W).
        view: What is noted of the view.
        head: Enlarges maps as in training; a :class:`~.PixelProjection`.
    """
    present = superpixels.unique()
    present = present[present >= 0]
    places = torch.searchsorted(present, superpixels).masked_fill(superpixels < 0, -1)
    rows = []
    for start in range(0, len(present), _CHUNK):
        number = min(_CHUNK, len(present) - start)
        is_here = (places >= start) & (places < start + number)
        ids = torch.where(is_here, places - start, -1)
        weights = weigh_cells(ids, number, (feats.shape[1], feats.shape[2]), head.upsample)
        rows.append(weights.flatten(1) @ feats.float().flatten(1).T)
    means = torch.cat(rows) if rows else feats.new_zeros(0, len(feats))
    return RowEntry(present.int().cpu().numpy(), means.half().cpu().numpy(), view)
