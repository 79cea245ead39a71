"""Output of CenterPoint's head in a network without error."""

from typing import Any

import torch
from torch import Tensor

from perception_kd.models.heads import BEVCenterHead


def outputs_of(head: BEVCenterHead, targets: Any) -> tuple[list[dict[str, Tensor]], ...]:
    """Return the maps of each task that equal targets of ``head.get_targets``."""
    rows, columns = head.grid.shape
    outputs = []
    for heatmap, boxes, inds, masks in zip(*targets, strict=True):
        maps = torch.zeros(len(heatmap), 10, rows * columns)
        for b, (box, ind, mask) in enumerate(zip(boxes, inds, masks, strict=True)):
            maps[b, :, ind[mask.bool()]] = box[mask.bool()].T
        maps = maps.view(-1, 10, rows, columns)
        names, sizes = ("reg", "height", "dim", "rot", "vel"), (2, 1, 3, 2, 2)
        output = dict(zip(names, maps.split(sizes, dim=1), strict=True))
        output["heatmap"] = torch.logit(heatmap, eps=1e-6)
        outputs.append([output])
    return tuple(outputs)
