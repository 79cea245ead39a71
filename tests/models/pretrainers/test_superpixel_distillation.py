"""SLidR's loss against its definition in loops, and what data can do to it."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from perception_kd.models.backbones.teacher_identity import describe_teacher, name_differences
from perception_kd.models.pretrainers import SuperpixelDistillation
from perception_kd.ops import pool_pixels
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import PRETRAINER, make_inputs


def make_pretrainer(**settings: Any) -> SuperpixelDistillation:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(dict(type="SuperpixelDistillation", **{**PRETRAINER, **settings})).eval()


def loss_in_loops(model: SuperpixelDistillation, inputs: dict[str, Any]) -> tuple[float, int, int]:
    """Return loss, pairs and regions as methods/slidr A.8 defines them, one by one."""
    points, pixel_feats = model(inputs, mode="tensor")
    queries, keys = [], []
    num_pairs = 0
    for superpixel in range(inputs["num_superpixels"]):
        members = [
            points.feats[row]
            for row, (view, r, c) in zip(
                inputs["pairing_points"].tolist(), inputs["pairing_images"].tolist(), strict=True
            )
            if inputs["superpixels"][view, r, c] == superpixel and row != 0
        ]
        if members:
            num_pairs += len(members)
            queries.append(sum(members) / len(members))
            mask = inputs["superpixels"] == superpixel
            keys.append(pixel_feats.permute(0, 2, 3, 1)[mask].mean(dim=0))
    terms = []
    for i, query in enumerate(queries):
        scores = [math.exp(float(query @ key) / 0.07) for key in keys]
        terms.append(-math.log(scores[i] / sum(scores)))
    return sum(terms) / len(terms), num_pairs, len(queries)


@pytest.mark.parametrize(
    "placement",
    [{}, {"align_corners": False}, {"normalize": False}],
    ids=["published", "offset", "not normalized"],
)
def test_equals_the_definition_in_loops(placement: dict[str, Any]) -> None:
    model = make_pretrainer(img_head={**PRETRAINER["img_head"], **placement})
    inputs = make_inputs()
    expected, num_pairs, num_superpixels = loss_in_loops(model, inputs)
    losses = model(inputs, mode="loss")
    assert losses["loss_contrast"].item() == pytest.approx(expected, rel=1e-5)
    assert losses["num_pairs"] == num_pairs
    assert losses["num_superpixels_compared"] == num_superpixels
    assert 1 < num_superpixels < inputs["num_superpixels"]


def test_a_point_out_of_range_takes_no_part() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    before = model(inputs, mode="loss")
    inputs["pairing_images"][0] = torch.tensor([2, 15, 23])  # the pair of the far point
    assert model(inputs, mode="loss") == before


def test_only_the_student_and_the_image_head_learn() -> None:
    model = make_pretrainer().train()
    model(make_inputs(), mode="loss")["loss_contrast"].backward()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {"pts_backbone", "pts_head", "img_head"}
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_no_pair_at_all_gives_zero_with_a_gradient() -> None:
    model, inputs = make_pretrainer().train(), make_inputs(num_pairs=1)  # only the far point's
    losses = model(inputs, mode="loss")
    assert losses["loss_contrast"] == 0
    assert losses["num_superpixels_compared"] == 0
    losses["loss_contrast"].backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


VOXELNET = dict(
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.5, 0.5, 0.5),
        coordinates="cartesian",
        point_cloud_range=(-8, -8, -2, 8, 8, 2),
    ),
    pts_backbone=None,
    pts_middle_encoder=dict(
        type="SparseEncoder",
        in_channels=1,
        sparse_shape=[8, 32, 32],
        base_channels=4,
        output_channels=4,
        encoder_channels=((4,), (4, 4, 4)),
        encoder_paddings=((1,), (1, 1, 1)),
    ),
    pts_head=dict(
        type="BEVProjection",
        in_channels=4,
        out_channels=6,
        point_cloud_range=(-8, -8, -2, 8, 8, 2),
        cell_size=1.0,
    ),
)


@pytest.mark.parametrize("student", [{}, VOXELNET], ids=["MinkUNet", "VoxelNet"])
@pytest.mark.parametrize("num_points", [0, 7], ids=["empty", "out of range"])
def test_a_batch_without_voxels_gives_zero_with_every_gradient(
    student: dict[str, Any], num_points: int
) -> None:
    model = make_pretrainer(**student).train()
    inputs = make_inputs(num_pairs=1)
    inputs["points"] = [torch.full((num_points, 5), 100.0)] * 2
    if num_points == 0:
        inputs["pairing_points"] = inputs["pairing_points"][:0]
        inputs["pairing_images"] = inputs["pairing_images"][:0]
    losses = model(inputs, mode="loss")
    losses["loss_contrast"].backward()
    assert losses["loss_contrast"] == losses["num_pairs"] == 0
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(grad is not None and not grad.any() for grad in grads)


def test_a_camera_without_pairs_adds_no_region_and_no_negative() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    sighted = inputs["pairing_images"][:, 0] != 1
    inputs["pairing_images"] = inputs["pairing_images"][sighted]
    inputs["pairing_points"] = inputs["pairing_points"][sighted]
    losses = model(inputs, mode="loss")
    blanked = {**inputs, "superpixels": inputs["superpixels"].clone()}
    blanked["superpixels"][1] = -1
    assert model(blanked, mode="loss") == losses
    assert losses["num_superpixels_compared"] <= 8


def test_an_empty_cloud_beside_a_full_one_changes_nothing() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    expected = model(inputs, mode="loss")["loss_contrast"]
    inputs["points"].append(torch.zeros(0, 5))
    torch.testing.assert_close(model(inputs, mode="loss")["loss_contrast"], expected)


def test_predicting_returns_the_values_of_the_loss() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    losses = model(inputs, mode="loss")
    (predicted,) = model(inputs, mode="predict")
    assert predicted == {name: pytest.approx(float(value)) for name, value in losses.items()}


def test_rejects_an_unknown_mode() -> None:
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        make_pretrainer()(make_inputs(), mode="train")


def test_rejects_a_student_without_a_network() -> None:
    settings = {k: v for k, v in PRETRAINER.items() if k != "pts_backbone"}
    with pytest.raises(ValueError, match="pts_middle_encoder or pts_backbone must be given"):
        MODELS.build(dict(type="SuperpixelDistillation", **settings))


def stored_sample(model: SuperpixelDistillation, **changed: Any) -> list[Any]:
    teacher = {**describe_teacher(model.img_backbone), **changed}
    return [SimpleNamespace(teacher_cache={"folder": "teacher/x", "teacher": teacher})]


def without_images(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != "imgs"}


@pytest.mark.parametrize("normalize", [False, True])
def test_stored_means_give_the_loss_of_the_teacher(normalize: bool) -> None:
    model = make_pretrainer(img_head={**PRETRAINER["img_head"], "normalize": normalize})
    inputs = make_inputs()
    maps = model.img_head.upsample(model.img_backbone(inputs["imgs"]))
    means, _ = pool_pixels(maps, inputs["superpixels"], inputs["num_superpixels"])
    stored = {**without_images(inputs), "superpixel_feats": means}
    feats = model.pool_teacher(stored, model.read_teacher(stored, stored_sample(model)))  # type: ignore[arg-type]
    if normalize:  # each superpixel is normalized instead of each pixel
        expected = F.normalize(model.img_head.conv(means[..., None, None]).flatten(1), dim=1)
        torch.testing.assert_close(feats, expected)
        return
    loss = model(stored, stored_sample(model), mode="loss")["loss_contrast"]
    torch.testing.assert_close(loss, model(inputs, mode="loss")["loss_contrast"])


def test_stored_maps_give_the_loss_of_the_teacher() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    stored = {**without_images(inputs), "teacher_maps": model.img_backbone(inputs["imgs"])}
    loss = model(stored, stored_sample(model), mode="loss")
    assert loss == model(inputs, mode="loss")


def test_features_of_another_teacher_are_refused_by_name() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    stored = {**without_images(inputs), "teacher_maps": model.img_backbone(inputs["imgs"])}
    message = "teacher/x is stale: .* weights is 'other', not '[0-9a-f]{64}'"
    with pytest.raises(ValueError, match=message):
        model(stored, stored_sample(model, weights="other"), mode="loss")
    for parameter in make_pretrainer().img_backbone.parameters():
        assert not parameter.requires_grad


def test_one_changed_weight_is_another_teacher() -> None:
    model = make_pretrainer()
    before = describe_teacher(model.img_backbone)
    with torch.no_grad():
        next(model.img_backbone.parameters()).flatten()[0] += 1e-6
    after = describe_teacher(model.img_backbone)
    assert [text.split()[0] for text in name_differences(before, after)] == ["weights"]
