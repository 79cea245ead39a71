"""Segmentation of points: what counts in the loss, and what a frozen backbone is."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.registry import init_default_scope

from perception_kd.models.segmentors import PointSegmentor
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import STUDENT, make_inputs


def make_segmentor(**settings: Any) -> PointSegmentor:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    head = dict(type="VoxelProjection", in_channels=4, out_channels=3, normalize=False)
    return MODELS.build(dict(type="PointSegmentor", pts_seg_head=head, **STUDENT, **settings))


def make_samples(inputs: dict[str, Any]) -> list[Det3DDataSample]:
    samples = []
    for cloud in inputs["points"]:
        sample = Det3DDataSample()
        labels = torch.arange(len(cloud)) % 4
        labels[labels == 3] = 255
        sample.gt_pts_seg = PointData(pts_semantic_mask=labels)
        samples.append(sample)
    return samples


def test_the_loss_is_over_labeled_points_in_range() -> None:
    model, inputs = make_segmentor().eval(), make_inputs()
    samples = make_samples(inputs)
    scores = model(inputs, mode="tensor")
    labels = torch.cat([s.gt_pts_seg.pts_semantic_mask for s in samples])
    rows = [i for i, label in enumerate(labels.tolist()) if label != 255 and i != 0]
    terms = [-F.log_softmax(scores[i], dim=0)[labels[i]] for i in rows]
    losses = model(inputs, samples, mode="loss")
    torch.testing.assert_close(losses["loss_seg"], sum(terms) / len(terms))
    correct = sum(int(scores[i].argmax() == labels[i]) for i in rows)
    assert losses["acc_seg"].item() == pytest.approx(100 * correct / len(rows))


def test_each_point_gets_the_class_of_its_highest_score() -> None:
    model, inputs = make_segmentor().eval(), make_inputs()
    predicted = model(inputs, make_samples(inputs), mode="predict")
    classes = torch.cat([s.pred_pts_seg.pts_semantic_mask for s in predicted])
    assert [len(s.pred_pts_seg.pts_semantic_mask) for s in predicted] == [60, 60]
    assert classes[0] == 255  # out of range
    assert torch.equal(classes[1:], model(inputs, mode="tensor").argmax(dim=1)[1:])


def test_a_frozen_backbone_keeps_weights_and_statistics_through_training() -> None:
    model = make_segmentor(freeze_backbone=True)
    inputs = make_inputs()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        model.train()
        model(inputs, make_samples(inputs), mode="loss")["loss_seg"].backward()
        optimizer.step()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"pts_seg_head.proj.weight", "pts_seg_head.proj.bias"}


def test_without_a_label_the_loss_is_zero_with_a_gradient() -> None:
    model, inputs = make_segmentor(), make_inputs()
    samples = make_samples(inputs)
    for sample in samples:
        sample.gt_pts_seg.pts_semantic_mask[:] = 255
    losses = model(inputs, samples, mode="loss")
    losses["loss_seg"].backward()
    assert losses["loss_seg"] == 0
    assert all(p.grad is not None for p in model.parameters())


def test_rejects_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        make_segmentor()(make_inputs(), mode="train")
