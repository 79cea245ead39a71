"""Numbers that are not finite are found wherever they are, and named."""

from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from perception_kd.utils.finite import are_finite, find_nonfinite

NAN = float("nan")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"a": [torch.zeros(2), torch.tensor([1.0, NAN])]}, ["a.1"]),
        ({"a": {"b": (np.array([np.inf]),)}, "c": np.float32(NAN)}, ["a.b.0", "c"]),
        ({"a": float("-inf"), "b": torch.tensor(NAN, dtype=torch.float16)}, ["a", "b"]),
        ({"a": "nan", "b": None, "c": np.array(["nan"]), "d": torch.zeros(0), "e": 3}, []),
        (torch.tensor([NAN]), [""]),
    ],
)
def test_nonfinite_numbers_are_named(data: Any, names: list[str]) -> None:
    assert find_nonfinite(data) == names


@pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_bad_value_among_tensors_is_found(bad: float, dtype: torch.dtype) -> None:
    largest = torch.full((2, 3), torch.finfo(dtype).max, dtype=dtype)
    tensors = [torch.zeros(0), largest, -largest, torch.tensor(1.0)]
    assert are_finite(tensors)
    assert not are_finite([*tensors, torch.tensor([0, bad, 0], dtype=dtype)])
    assert are_finite([])


def test_boxes_and_metainfo_of_a_sample_are_searched() -> None:
    sample = Det3DDataSample(metainfo=dict(token="a", timestamp=NAN))
    boxes = LiDARInstance3DBoxes(torch.ones(2, 9), box_dim=9)
    boxes.tensor[1, 6] = NAN
    sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=torch.zeros(2))
    assert find_nonfinite([sample]) == ["0.timestamp", "0.gt_instances_3d.bboxes_3d.tensor"]
