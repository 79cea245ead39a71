"""The map segmentor: losses, predictions, learning, and what it refuses."""

from typing import Any

import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData

from perception_kd.models.tasks import BEVMapSegmentor
from perception_kd.registry import MODELS
from tests.models.tasks.test_bev_task_model import CAMERA
from tests.models.view_transforms.rig import make_cameras

RANGE = (-8.0, -8.0, -4.0, 8.0, 8.0, 4.0)
CLASSES = ("drivable_area", "walkway")


HEAD: dict[str, Any] = dict(
    type="BEVMapHead",
    in_channels=16,
    classes=CLASSES,
    in_range=RANGE,
    in_cell_size=2.0,
    out_range=(-6, -6, -4, 6, 6, 4),
    out_cell_size=1.0,
)


def build_segmentor(**settings: Any) -> BEVMapSegmentor:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("perception_kd"):
        model: BEVMapSegmentor = MODELS.build(dict(type="BEVMapSegmentor", **settings))
    return model


def make_segmentor(**options: Any) -> BEVMapSegmentor:
    voxelizer = dict(
        type="PointVoxelizer",
        voxel_size=(0.5, 0.5, 0.4),
        coordinates="cartesian",
        point_cloud_range=RANGE,
        reduce="mean",
        feature_columns=(0, 1, 2, 3),
    )
    encoder = dict(
        type="SparseEncoder",
        in_channels=4,
        sparse_shape=[21, 32, 32],
        base_channels=8,
        output_channels=8,
        encoder_channels=((8,), (8, 8), (8, 8)),
        encoder_paddings=((1,), (1, 1), (1, 1)),
    )
    return build_segmentor(
        pts_voxelizer=voxelizer, pts_middle_encoder=encoder, map_head=HEAD, **options
    )


def make_batch() -> tuple[dict[str, Any], list[Any]]:
    """Return two clouds that are dense on one side, where the drivable area is."""
    torch.manual_seed(1)
    clouds, samples = [], []
    for side in (1.0, -1.0):
        cloud = torch.rand(500, 5) * torch.tensor([8.0, 16.0, 2.0, 1.0, 0.0])
        cloud[:, 1] -= 8.0
        cloud[:, 0] *= side
        clouds.append(cloud)
        masks = torch.zeros(2, 12, 12, dtype=torch.uint8)
        masks[0, :, 6:] = side > 0
        masks[0, :, :6] = side < 0
        masks[1] = 1 - masks[0]
        sample = Det3DDataSample()
        sample.gt_bev_seg = PixelData(masks=masks)
        samples.append(sample)
    return {"points": clouds}, samples


def test_learns_which_side_is_which() -> None:
    model, (inputs, samples) = make_segmentor(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        losses = model(inputs, samples, mode="loss")
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    # Running statistics need more steps, so predictions are made with the batch's.
    with torch.no_grad():
        predicted = model(inputs, samples, mode="predict")
    for sample in predicted:
        right = (sample.pred_bev_seg.masks > 0.5) == sample.gt_bev_seg.masks.bool()
        assert right.float().mean() > 0.85


def test_predictions_are_the_probabilities_of_the_logits() -> None:
    model, (inputs, samples) = make_segmentor().eval(), make_batch()
    with torch.no_grad():
        scores = model(inputs, samples)
        predicted = model(inputs, samples, mode="predict")
    assert scores.shape == (2, 2, 12, 12)
    torch.testing.assert_close(predicted[1].pred_bev_seg.masks, scores[1].sigmoid())


def test_every_class_has_its_loss() -> None:
    model, (inputs, samples) = make_segmentor(), make_batch()
    losses = model(inputs, samples, mode="loss")
    assert losses.pop("num_labeled_cells") == 2 * 12 * 12
    assert sorted(losses) == ["loss_map_drivable_area", "loss_map_walkway"]


def test_other_classes_are_refused_and_predictions_name_theirs() -> None:
    model, (inputs, samples) = make_segmentor().eval(), make_batch()
    with torch.no_grad():
        assert model(inputs, samples, mode="predict")[0].map_classes == CLASSES
    model.check_data_classes({"map_classes": CLASSES})
    with pytest.raises(ValueError, match="map_classes of the data must be"):
        model.check_data_classes({"map_classes": CLASSES[::-1]})


def test_refuses_another_mode() -> None:
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        make_segmentor()({}, mode="train")


def test_frozen_sensors_learn_statistics_and_no_weights() -> None:
    model, (inputs, samples) = make_segmentor(freeze_sensors=True), make_batch()
    changed = train_once(model, inputs, samples)
    weights = {name for name, _ in model.named_parameters()}
    assert {name.partition(".")[0] for name in changed & weights} == {"map_head"}
    assert any(name.endswith("running_mean") for name in changed if name.startswith("pts_"))


def test_frozen_cameras_learn_statistics_and_no_weights() -> None:
    head = {**HEAD, "in_channels": 8, "in_cell_size": 1.0}
    model = build_segmentor(**CAMERA, map_head=head, freeze_sensors=True)
    parts = model.camera_network_parts()
    assert len(parts) == 3
    assert not any(p.requires_grad for part in parts for p in part.parameters())
    _, samples = make_batch()
    cameras = make_cameras(len(samples), seed=0)._asdict()
    height, width = cameras.pop("img_shape")
    imgs = torch.randn(len(cameras["lidar2cam"]), 3, height, width)
    changed = train_once(model, {**cameras, "imgs": imgs}, samples)
    weights = {name for name, _ in model.named_parameters()}
    assert {name.partition(".")[0] for name in changed & weights} == {"map_head"}
    assert any(name.endswith("running_mean") for name in changed if name.startswith("img_"))


def train_once(model: BEVMapSegmentor, inputs: dict[str, Any], samples: list[Any]) -> set[str]:
    """Return the names of what one step of SGD changes in a model."""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.train()
    sum(model(inputs, samples, mode="loss").values()).backward()
    optimizer.step()
    return {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
