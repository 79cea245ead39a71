"""Detectors of all sensors: modes, the cost of a sensor left out, learning a sample."""

from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from perception_kd.datasets.nuscenes.labels import NUSCENES_TASK_CLASSES
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.models.tasks import BEVDetector
from perception_kd.registry import MODELS

RANGE, CELL = [-12.8, -12.8, -5.0, 12.8, 12.8, 3.0], 0.8
# Center, length width height, yaw, velocity of a car and a pedestrian.
BOXES = [[5.0, 6.3, -0.8, 4.2, 1.8, 1.5, 0.9, 4.0, 1.0], [-7.1, -2.2, -0.9, 0.7, 0.6, 1.7, 0, 0, 1]]
LABELS = [0, 8]

LIDAR = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=(0.4, 0.4, 8),
        point_cloud_range=RANGE,
        max_num_points=10,
        max_voxels=(2000, 2000),
    ),
    pts_voxel_encoder=dict(
        type="PillarFeatureNet",
        in_channels=5,
        feat_channels=[16],
        voxel_size=(0.4, 0.4, 8),
        point_cloud_range=RANGE,
        legacy=False,
    ),
    pts_middle_encoder=dict(type="PointPillarsScatter", in_channels=16, output_shape=(64, 64)),
    pts_backbone=dict(
        type="SECOND", in_channels=16, out_channels=[16], layer_nums=[2], layer_strides=[2]
    ),
    pts_neck=dict(type="SECONDFPN", in_channels=[16], out_channels=[16], upsample_strides=[1]),
)
CAMERA = dict(
    img_backbone=dict(
        type="mmdet.ResNet",
        depth=18,
        base_channels=8,
        num_stages=1,
        strides=(1,),
        dilations=(1,),
        out_indices=(0,),
    ),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=8,
        out_channels=16,
        point_cloud_range=RANGE,
        cell_size=CELL,
        depth_range=(1.0, 20.0, 1.0),
        downsample=1,
    ),
)
FUSER = dict(fuser=dict(type="ConvFuser", in_channels=[16, 16], out_channels=16))
SENSORS: dict[str, dict[str, Any]] = {
    "LiDAR": LIDAR,
    "camera": CAMERA,
    "both": LIDAR | CAMERA | FUSER,
}


def build(sensors: str = "LiDAR", **head: Any) -> BEVDetector:
    torch.manual_seed(0)
    pts_bbox_head = dict(
        type="BEVCenterHead",
        in_channels=16,
        point_cloud_range=RANGE,
        cell_size=CELL,
        share_conv_channel=16,
        num_convs=1,
    )
    network = SENSORS[sensors]
    model = MODELS.build(dict(type="BEVDetector", pts_bbox_head=pts_bbox_head | head, **network))
    model.init_weights()
    return model


def make_inputs(batch_size: int = 2) -> dict[str, Any]:
    """Clouds that fill the boxes above the ground, and one camera ahead."""
    rng = np.random.default_rng(0)
    ground = np.c_[rng.uniform(-12, 12, (800, 2)), np.full(800, -1.8), rng.uniform(0, 50, (800, 2))]
    clouds = [ground]
    for x, y, z, length, width, height, yaw, *_ in BOXES:
        local = rng.uniform(-0.5, 0.5, (150, 3)) * [length, width, height]
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        xyz = np.c_[local[:, :2] @ turn.T + [x, y], local[:, 2] + z]
        clouds.append(np.c_[xyz, np.full((150, 2), 30.0)])
    points = torch.tensor(np.concatenate(clouds), dtype=torch.float32)
    points[:, 4] = 0
    lidar2cam = torch.tensor([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    cam2img = torch.tensor([[40.0, 0, 31.5], [0, 40.0, 15.5], [0, 0, 1]])
    return {
        "points": [points] * batch_size,
        "imgs": torch.from_numpy(rng.normal(size=(batch_size, 3, 32, 64))).float(),
        "lidar2cam": lidar2cam.repeat(batch_size, 1, 1),
        "cam2img": cam2img.repeat(batch_size, 1, 1),
        "img_aug_matrix": torch.eye(3).repeat(batch_size, 1, 1),
        "lidar_aug_matrix": torch.eye(4).repeat(batch_size, 1, 1),
        "view_sample": torch.arange(batch_size),
    }


def make_data_samples(batch_size: int = 2) -> list[Any]:
    samples = []
    for _ in range(batch_size):
        sample = Det3DDataSample(metainfo={"box_classes": NUSCENES_TASK_CLASSES})
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=make_boxes(np.array(BOXES)), labels_3d=torch.tensor(LABELS)
        )
        samples.append(sample)
    return samples


def total(losses: dict[str, Tensor]) -> Tensor:
    return losses["loss_heatmap"] + losses["loss_bbox"]


@pytest.mark.parametrize("sensors", SENSORS)
def test_every_sensor_trains_all_its_parts_and_predicts(sensors: str) -> None:
    model = build(sensors)
    losses = model(make_inputs(), make_data_samples(), mode="loss")
    assert set(losses) == {"loss_heatmap", "loss_bbox", "num_boxes"}
    assert losses["num_boxes"].item() == 2
    total(losses).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    model.eval()
    with torch.no_grad():
        found = model(make_inputs(), make_data_samples(), mode="predict")
        maps = model(make_inputs(), mode="tensor")
    assert [tuple(task[0]["heatmap"].shape) for task in maps] == [
        (2, classes, 32, 32) for classes in (1, 2, 2, 1, 2, 2)
    ]
    for sample in found:
        assert sample.box_classes == NUSCENES_TASK_CLASSES
        boxes = sample.pred_instances_3d
        assert boxes.bboxes_3d.tensor.shape == (len(boxes.scores_3d), 9)
        assert boxes.labels_3d.shape == boxes.scores_3d.shape


def test_a_sensor_left_out_costs_nothing() -> None:
    inputs = make_inputs()
    lidar = {key: inputs[key] for key in ("points",)}
    camera = {key: value for key, value in inputs.items() if key != "points"}
    for sensors, needed, prefix in (("LiDAR", lidar, "pts_"), ("camera", camera, None)):
        model = build(sensors)
        names = [name for name, _ in model.named_parameters()]
        if prefix:
            assert all(name.startswith(prefix) for name in names)
        else:
            assert not any(n.startswith("pts_") and "bbox_head" not in n for n in names)
        assert model(needed, make_data_samples(), mode="loss")["loss_bbox"].isfinite()


def test_a_network_that_learned_a_sample_finds_its_boxes() -> None:
    model = build("LiDAR")
    inputs, truth = make_inputs(1), make_data_samples(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        total(model(inputs, truth, mode="loss")).backward()
        optimizer.step()
    # Batch statistics of one sample are what it learned with; score the best boxes.
    with torch.no_grad():
        found = model(inputs, truth, mode="predict")[0].pred_instances_3d
    best = found.scores_3d > 0.6
    assert found.labels_3d[best].tolist() == LABELS
    error = (found.bboxes_3d.gravity_center[best] - torch.tensor(BOXES)[:, :3]).norm(dim=1)
    assert error.max().item() < 0.3
    size_error = (found.bboxes_3d.dims[best] / torch.tensor(BOXES)[:, 3:6]).log().abs()
    assert size_error.max().item() < 0.3


def test_losses_are_the_sums_over_the_tasks() -> None:
    model = build("LiDAR")
    truth = [sample.gt_instances_3d for sample in make_data_samples()]
    by_task = model.pts_bbox_head.loss_by_feat(model(make_inputs(), mode="tensor"), truth)
    losses = model(make_inputs(), make_data_samples(), mode="loss")
    for kind in ("heatmap", "bbox"):
        expected = sum(by_task[f"task{task}.loss_{kind}"] for task in range(6))
        torch.testing.assert_close(losses[f"loss_{kind}"], expected)


def test_data_of_other_classes_are_refused() -> None:
    model = build("LiDAR")
    model.check_data_classes({"box_classes": NUSCENES_TASK_CLASSES})
    model.check_data_classes({})
    expected = r"box_classes of the data must be .* differ first in traffic_cone for car"
    with pytest.raises(ValueError, match=expected):
        model.check_data_classes({"box_classes": NUSCENES_TASK_CLASSES[::-1]})


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        build("LiDAR")(make_inputs(), mode="train")
