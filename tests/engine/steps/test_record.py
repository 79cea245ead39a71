"""A step survives its file, which holds plain values only."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes, PointData
from mmengine.structures import InstanceData, PixelData
from torch import nn

from perception_kd.engine.resume.random_states import get_random_states, set_random_states
from perception_kd.engine.steps.record import (
    decode,
    encode,
    read_step,
    write_step,
)


def make_batch() -> dict[str, Any]:
    sample = Det3DDataSample(metainfo=dict(sample_token="a", seed=3, box_classes=("car", "bus")))
    boxes = LiDARInstance3DBoxes(torch.rand(2, 9), box_dim=9)
    sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=torch.tensor([1, 0]))
    sample.gt_pts_seg = PointData(pts_semantic_mask=torch.arange(4))
    sample.gt_bev_seg = PixelData(masks=torch.ones(2, 3, 3))
    return {
        "inputs": {"points": [torch.rand(4, 5)], "cloud_views": [[torch.rand(4, 5)]]},
        "data_samples": [sample],
        "array": np.arange(3),
    }


def test_a_batch_survives_its_file(tmp_path: Path) -> None:
    batch, path = make_batch(), tmp_path / "step.pth"
    write_step(path, nn.Linear(2, 1), batch, get_random_states(), 7, "NaN in x")
    step = read_step(path)
    assert (step["iteration"], step["problem"]) == (7, "NaN in x")
    assert torch.equal(step["batch"]["inputs"]["points"][0], batch["inputs"]["points"][0])
    assert step["batch"]["array"].tolist() == [0, 1, 2]
    ours, theirs = step["batch"]["data_samples"][0], batch["data_samples"][0]
    assert ours.metainfo == theirs.metainfo
    boxes, expected = (s.gt_instances_3d.bboxes_3d for s in (ours, theirs))
    assert isinstance(boxes, LiDARInstance3DBoxes)
    assert torch.equal(boxes.tensor, expected.tensor)
    assert torch.equal(boxes.gravity_center, expected.gravity_center)
    assert torch.equal(ours.gt_pts_seg.pts_semantic_mask, theirs.gt_pts_seg.pts_semantic_mask)
    assert torch.equal(ours.gt_bev_seg.masks, theirs.gt_bev_seg.masks)


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    state = decode(encode(get_random_states()))
    first = (torch.rand(2), np.random.rand(2))  # noqa: NPY002
    set_random_states(state)
    assert torch.equal(torch.rand(2), first[0])
    assert np.array_equal(np.random.rand(2), first[1])  # noqa: NPY002


def test_other_files_and_other_classes_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "epoch_1.pth")
    with pytest.raises(ValueError, match="holds no training step: --replay takes a nonfinite"):
        read_step(tmp_path / "epoch_1.pth")


def sample_of(step: dict[str, Any]) -> Any:
    return step["batch"]["data_samples"][0]


def objects_of(step: dict[str, Any]) -> Any:
    return sample_of(step)["fields"]["gt_instances_3d"]["fields"]


POPEN = {"kind": "Popen", "metainfo": {}, "fields": {}}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda step: step.update(batch=POPEN), "it holds a Popen, which no batch has"),
        (
            lambda step: step.update(batch={"kind": ["a"]}),
            "it has an entry whose kind is not a name",
        ),
        (lambda step: step.update(batch={"kind": "ndarray"}), "'values' is missing"),
        (lambda step: step.update(batch=3), "it must have a batch"),
        (lambda step: step.pop("batch"), "it must have a batch"),
        (lambda step: step.pop("random_states"), "'random_states' is missing"),
        (lambda step: step.update(random_states={"torch": 1}), "generators cannot be set"),
        (lambda step: step.update(iteration="x"), "the number and problem of a step"),
        (lambda step: step.pop("problem"), "'problem' is missing"),
        (lambda step: sample_of(step).update(metainfo=5), "metainfo"),
        (lambda step: sample_of(step)["fields"].update(gt_instances_3d=torch.ones(2)), "."),
        (lambda step: objects_of(step).update(labels_3d=torch.ones(3)), "."),
        (lambda step: objects_of(step)["bboxes_3d"].update(boxes=torch.ones(7)), "."),
        (lambda step: objects_of(step)["bboxes_3d"].update(boxes=torch.tensor(1.0)), "."),
    ],
)
def test_a_damaged_step_is_refused(tmp_path: Path, edit: Any, message: str) -> None:
    path = tmp_path / "step.pth"
    write_step(path, nn.Linear(2, 1), make_batch(), get_random_states(), 7, "NaN in x")
    content = torch.load(path, weights_only=True)
    edit(content["meta"]["step"])
    torch.save(content, path)
    with pytest.raises(ValueError, match=rf"step\.pth is damaged: .*{message}") as found:
        read_step(path)
    assert re.fullmatch(r".*; write it again\.", str(found.value))  # in one line
