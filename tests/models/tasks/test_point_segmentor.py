"""Segmentation of points: what counts in the loss, and what a frozen backbone is."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.models.tasks import PointSegmentor
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import STUDENT, make_inputs

CE_AND_LOVASZ: dict[str, dict[str, Any]] = dict(
    loss_ce=dict(type="mmdet.CrossEntropyLoss"),
    loss_lovasz=dict(type="LovaszLoss", reduction="none"),
)


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
    torch.testing.assert_close(losses["loss_ce"], sum(terms) / len(terms))
    correct = sum(int(scores[i].argmax() == labels[i]) for i in rows)
    assert losses["acc_seg"].item() == pytest.approx(100 * correct / len(rows))


def test_of_each_voxel_the_first_point_can_stand_for_all() -> None:
    model, inputs = make_segmentor(loss_on="voxels").eval(), make_inputs()
    samples = make_samples(inputs)
    scores = model(inputs, mode="tensor")
    labels = torch.cat([s.gt_pts_seg.pts_semantic_mask for s in samples])
    first: dict[tuple[int, ...], int] = {}
    for row, xyz in enumerate(torch.cat(inputs["points"])[:, :3].tolist()):
        if row > 0:  # out of range
            first.setdefault((row // 60, *(math.floor(x / 0.5) for x in xyz)), row)
    rows = [row for row in first.values() if labels[row] != 255]
    assert len(rows) < sum(labels[1:] != 255)
    losses = model(inputs, samples, mode="loss")
    torch.testing.assert_close(losses["loss_ce"], F.cross_entropy(scores[rows], labels[rows]))
    correct = scores[rows].argmax(dim=1) == labels[rows]
    torch.testing.assert_close(losses["acc_seg"], 100 * correct.float().mean())


def lovasz_softmax(scores: Tensor, classes: Tensor) -> float:
    """Write the Lovasz-softmax loss as loops.

    The Jaccard loss of class c with the points M mistaken is |M| / |M or in c|; its
    Lovasz extension adds the points in descending order of their error and weighs each
    error with what its point adds.
    """
    terms = []
    for c in set(classes.tolist()):
        of_class = {i for i, label in enumerate(classes.tolist()) if label == c}
        probabilities = scores.softmax(dim=1)[:, c].tolist()
        errors = [1 - p if i in of_class else p for i, p in enumerate(probabilities)]
        term, before, mistaken = 0.0, 0.0, set()
        for i in sorted(range(len(errors)), key=lambda i: -errors[i]):
            mistaken.add(i)
            after = len(mistaken) / len(mistaken | of_class)
            term, before = term + errors[i] * (after - before), after
        terms.append(term)
    return sum(terms) / len(terms)


@pytest.mark.parametrize("absent", [(), (0,), (0, 2)], ids=str)
def test_losses_equal_their_definitions(absent: tuple[int, ...]) -> None:
    model, inputs = make_segmentor(losses=CE_AND_LOVASZ).eval(), make_inputs()
    samples = make_samples(inputs)
    for sample in samples:
        labels = sample.gt_pts_seg.pts_semantic_mask
        labels[torch.isin(labels, torch.tensor(absent))] = 255
    labels = torch.cat([s.gt_pts_seg.pts_semantic_mask for s in samples])
    rows = [i for i, label in enumerate(labels.tolist()) if label != 255 and i != 0]
    scores = model(inputs, mode="tensor")[rows]
    losses = model(inputs, samples, mode="loss")
    torch.testing.assert_close(losses["loss_ce"], F.cross_entropy(scores, labels[rows]))
    expected = lovasz_softmax(scores, labels[rows])
    assert losses["loss_lovasz"].item() == pytest.approx(expected, rel=1e-5)
    parse: Any = model.parse_losses
    total, _ = parse(losses)
    torch.testing.assert_close(total, losses["loss_ce"] + losses["loss_lovasz"])


def test_the_weight_of_a_loss_is_its_own() -> None:
    halved = {**CE_AND_LOVASZ, "loss_lovasz": {**CE_AND_LOVASZ["loss_lovasz"], "loss_weight": 0.5}}
    inputs = make_inputs()
    whole, half = (
        make_segmentor(losses=losses).eval()(inputs, make_samples(inputs), mode="loss")
        for losses in (CE_AND_LOVASZ, halved)
    )
    torch.testing.assert_close(half["loss_lovasz"], whole["loss_lovasz"] / 2)
    torch.testing.assert_close(half["loss_ce"], whole["loss_ce"])


def test_one_labeled_point_is_enough() -> None:
    model, inputs = make_segmentor(losses=CE_AND_LOVASZ).eval(), make_inputs()
    samples = make_samples(inputs)
    for sample in samples:
        sample.gt_pts_seg.pts_semantic_mask[:] = 255
    samples[1].gt_pts_seg.pts_semantic_mask[7] = 2
    losses = model(inputs, samples, mode="loss")
    # Its class is the only one: the Jaccard loss of one point is its error.
    score = model(inputs, mode="tensor")[67].softmax(dim=0)[2].item()
    assert losses["loss_lovasz"].item() == pytest.approx(1 - score)
    assert losses["loss_ce"].item() == pytest.approx(-math.log(score), rel=1e-5)


def test_each_point_gets_the_class_of_its_highest_score() -> None:
    model, inputs = make_segmentor().eval(), make_inputs()
    predicted = model(inputs, make_samples(inputs), mode="predict")
    classes = torch.cat([s.pred_pts_seg.pts_semantic_mask for s in predicted])
    assert [len(s.pred_pts_seg.pts_semantic_mask) for s in predicted] == [60, 60]
    assert classes[0] == 255  # out of range
    assert torch.equal(classes[1:], model(inputs, mode="tensor").argmax(dim=1)[1:])


def test_a_frozen_backbone_keeps_its_weights_and_statistics() -> None:
    model: Any = make_segmentor(freeze_backbone=True, losses=CE_AND_LOVASZ)
    inputs = make_inputs()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert sum("running" in key for key in before) > 10
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        model.train()  # as mmengine's loop does at the start of each epoch
        assert model.training
        model.parse_losses(model(inputs, make_samples(inputs), mode="loss"))[0].backward()
        optimizer.step()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"pts_seg_head.proj.weight", "pts_seg_head.proj.bias"}


@pytest.mark.parametrize("loss_on", ["points", "voxels"])
def test_without_a_label_the_loss_is_zero_with_a_gradient(loss_on: str) -> None:
    model, inputs = make_segmentor(loss_on=loss_on, losses=CE_AND_LOVASZ), make_inputs()
    samples = make_samples(inputs)
    for sample in samples:
        sample.gt_pts_seg.pts_semantic_mask[:] = 255
    losses = model(inputs, samples, mode="loss")
    (losses["loss_ce"] + losses["loss_lovasz"]).backward()
    assert losses["loss_ce"] == losses["loss_lovasz"] == 0
    assert all(p.grad is not None for p in model.parameters())


def test_rejects_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        make_segmentor()(make_inputs(), mode="train")


def test_rejects_settings_that_would_do_nothing() -> None:
    for losses in ({}, {"ce": CE_AND_LOVASZ["loss_ce"]}):
        with pytest.raises(ValueError, match='losses must have names like "loss_ce", but got'):
            make_segmentor(losses=losses)
    with pytest.raises(ValueError, match='loss_on must be "points" or "voxels", but got "all"'):
        make_segmentor(loss_on="all")
