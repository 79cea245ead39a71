"""CenterPoint's head on our maps: cells by hand, targets that decode to the boxes."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from perception_kd.datasets.nuscenes.labels import NUSCENES_TASK_CLASSES
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.geometry.bev_grid import sample_bev
from perception_kd.models.heads import BEVCenterHead
from perception_kd.models.heads.bev_center_head import NUSCENES_TASKS
from perception_kd.registry import MODELS
from tests.models.heads.perfect_center_head import outputs_of
from tests.pretended_device import GPU, PretendedGPU

# Not square and not centered, so that x and y cannot be confused.
RANGE, CELL = (-20.0, -40.0, -5.0, 60.0, 24.0, 3.0), 0.8
ROWS, COLUMNS = 80, 100
METAINFO = [dict(box_type_3d=LiDARInstance3DBoxes)]


def build(**settings: Any) -> BEVCenterHead:
    config = dict(type="BEVCenterHead", in_channels=8, point_cloud_range=RANGE, cell_size=CELL)
    small = dict(share_conv_channel=8, head_channels=8)
    return MODELS.build(config | small | settings)


def make_truth(values: list[list[float]], labels: list[int]) -> InstanceData:
    boxes = make_boxes(np.array(values))
    return InstanceData(bboxes_3d=boxes, labels_3d=torch.tensor(labels))


def one_box_a_class() -> InstanceData:
    """Ten boxes, 6 m apart from one another, each of a class of its own."""
    values = [
        [
            *(6.1 * i - 15.3, 14.7 - 5.2 * i, 0.1 * i - 1),  # center
            *(4 - 0.3 * i, 2 - 0.1 * i, 1.5),  # size
            *(0.6 * i - 3, i - 5.0, 0.5 * i),  # yaw and velocity
        ]
        for i in range(10)
    ]
    return make_truth(values, list(range(10)))


@pytest.mark.parametrize(
    ("settings", "tasks"),
    [
        (dict(classes=["pedestrian", "car"]), [["pedestrian"], ["car"]]),
        (dict(classes=["kart", "tree"]), [["kart"], ["tree"]]),
        (
            dict(classes=["kart", "truck", "construction_vehicle"]),
            [["kart"], ["truck", "construction_vehicle"]],
        ),
        (dict(tasks=[["kart", "car"], ["tree"]]), [["kart", "car"], ["tree"]]),
        (dict(classes=NUSCENES_TASK_CLASSES), [list(names) for names, _ in NUSCENES_TASKS]),
    ],
)
def test_classes_share_a_branch_by_task(settings: dict[str, Any], tasks: list[list[str]]) -> None:
    head = build(nms_type="circle", **settings)
    assert head.class_names == tasks
    assert len(head.test_cfg["min_radius"]) == len(head.task_heads) == len(tasks)
    truth = one_box_a_class()[: len(head.classes)]
    found = head.predict_by_feat(outputs_of(head, head.get_targets([truth])), METAINFO)[0]
    assert (
        found.labels_3d[found.scores_3d > 0.99].sort().values.tolist() == truth.labels_3d.tolist()
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(classes=["car", "car"]), "each once, but got"),
        (dict(classes=[]), "each once, but got"),
        (dict(classes=["car", "bus"], tasks=[["bus"], ["car"]]), "in this order"),
    ],
)
def test_rejects_classes_that_cannot_be_told_apart(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_convention_a_box_peaks_in_the_cell_of_its_center() -> None:
    # (10.3 + 20) / 0.8 = 37.875 along x, (-20.1 + 40) / 0.8 = 24.875 along y.
    head = build()
    truth = make_truth([[10.3, -20.1, -0.5, 4.5, 1.9, 1.6, 0.7, 3.0, -1.0]], [0])
    heatmaps, boxes, inds, masks = head.get_targets([truth])
    assert heatmaps[0].shape == (1, 1, ROWS, COLUMNS)
    assert (heatmaps[0][0, 0] == 1).nonzero().tolist() == [[24, 37]]
    assert all((heatmap == 0).all() for heatmap in heatmaps[1:])
    assert inds[0][0, 0].item() == 24 * COLUMNS + 37
    assert [int(mask.sum()) for mask in masks] == [1, 0, 0, 0, 0, 0]
    expected = [0.875, 0.875, -0.5, *np.log([4.5, 1.9, 1.6]), np.sin(0.7), np.cos(0.7), 3, -1]
    assert boxes[0][0, 0].tolist() == pytest.approx(expected, abs=1e-4)


def test_convention_the_peak_is_where_bev_features_are_read() -> None:
    head = build()
    truth = one_box_a_class()
    heatmaps = head.get_targets([truth])[0]
    # At the center of the cell that holds a box, sampling reads the peak alone.
    centers = head.grid.to_cells(truth.bboxes_3d.tensor).floor() + 0.5
    points = centers * CELL + torch.tensor(RANGE[:2])
    peaks, on_grid = sample_bev(torch.cat(heatmaps, dim=1), [points], head.grid)
    assert on_grid.all()
    torch.testing.assert_close(peaks.diagonal(), torch.ones(10))


@pytest.mark.parametrize("nms_type", ["rotate", "circle"])
def test_decoding_the_targets_returns_the_boxes(nms_type: str) -> None:
    head = build(nms_type=nms_type)
    truth = one_box_a_class()
    found = head.predict_by_feat(outputs_of(head, head.get_targets([truth])), METAINFO)[0]
    best = found.scores_3d > 0.99
    order = found.labels_3d[best].argsort()
    assert found.labels_3d[best][order].tolist() == list(range(10))
    moved = found.bboxes_3d.tensor[best][order] - truth.bboxes_3d.tensor
    assert moved.abs().max().item() < 1e-3


def test_a_perfect_network_has_no_loss_and_a_wrong_size_has() -> None:
    head = build()
    truth = one_box_a_class()
    perfect = head.loss_by_feat(outputs_of(head, head.get_targets([truth])), [truth])
    assert len(perfect) == 12
    assert sum(v.item() for k, v in perfect.items() if "bbox" in k) == pytest.approx(0, abs=1e-5)
    outputs = outputs_of(head, head.get_targets([truth]))
    outputs[0][0]["dim"][:, 0] += 0.3  # the car's length by exp(0.3), velocity by 2 m/s
    outputs[0][0]["vel"][:, 1] += 2.0
    # 0.25 * (0.3 + 0.2 * 2), the mean over one box.
    losses = head.loss_by_feat(outputs, [truth])
    assert losses["task0.loss_bbox"].item() == pytest.approx(0.175, rel=1e-3)


@pytest.mark.parametrize(("nms_type", "num_kept"), [("rotate", 2), ("circle", 2)])
def test_nms_keeps_one_of_two_boxes_at_one_place(nms_type: str, num_kept: int) -> None:
    # Cars at 10 m, 10.9 m (overlapping, and within 2 m) and 20 m.
    values = [[x, 0.0, 0, 4, 2, 1.5, 0, 0, 0] for x in (10.0, 10.9, 20.0)]
    head = build(nms_type=nms_type)
    outputs = outputs_of(head, head.get_targets([make_truth(values, [0, 0, 0])]))
    outputs[0][0]["heatmap"][:] = -10
    for column, score in ((37, 2.0), (38, 1.0), (50, 3.0)):
        outputs[0][0]["heatmap"][0, 0, 50, column] = score
    found = head.predict_by_feat(outputs, METAINFO)[0]
    assert len(found.bboxes_3d) == num_kept
    assert sorted(found.bboxes_3d.tensor[:, 0].tolist()) == pytest.approx([10, 20], abs=1e-3)


def test_boxes_off_the_grid_count_as_background() -> None:
    head = build()
    nothing = make_truth([], [])
    outside = make_truth([[100.0, 0, 0, 4, 2, 1, 0, 0, 0]], [0])
    for truth in (nothing, outside):
        heatmaps, _, _, masks = head.get_targets([truth])
        assert all((heatmap == 0).all() for heatmap in heatmaps)
        assert not any(mask.any() for mask in masks)
    losses = head.loss_by_feat(head([torch.randn(2, 8, ROWS, COLUMNS)]), [nothing, outside])
    assert all(value.isfinite() for value in losses.values())


def test_the_classes_are_those_of_the_data_set_in_its_order() -> None:
    assert build().classes == NUSCENES_TASK_CLASSES


def test_the_published_numbers() -> None:
    head = build()
    assert head.train_cfg["gaussian_overlap"] == 0.1
    assert head.train_cfg["min_radius"] == 2
    assert head.train_cfg["code_weights"] == [1] * 8 + [0.2] * 2
    assert head.loss_bbox.loss_weight == 0.25
    assert head.test_cfg["min_radius"] == [4, 12, 10, 1, 0.85, 0.175]
    assert [len(names) for names in head.class_names] == [1, 2, 2, 1, 2, 2]


def test_settings_of_decoding_reach_the_coder() -> None:
    head = build(test_cfg=dict(score_threshold=0.05), train_cfg=dict(min_radius=3))
    assert head.bbox_coder.score_threshold == 0.05
    assert head.test_cfg["score_threshold"] == 0.05
    assert head.train_cfg["min_radius"] == 3


def test_training_starts_from_low_scores() -> None:
    # The bias of a score is -2.19, a probability of 0.1; mmdet3d's head starts at 0.5.
    torch.manual_seed(0)
    head = build()
    head.init_weights()
    for (maps,) in head([torch.randn(1, 8, ROWS, COLUMNS)]):
        scores = maps["heatmap"].sigmoid()
        assert 0.05 < scores.mean() < 0.2
        assert scores.std() < 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sure_scores_have_a_finite_loss_under_autocast(dtype: torch.dtype) -> None:
    head = build()
    for branches in head.task_heads:
        torch.nn.init.constant_(branches.heatmap[-1].bias, 9.0)  # 0.9999, in float16 one
    truth = one_box_a_class()
    with torch.autocast("cpu", dtype=dtype):
        maps = head([torch.randn(1, 8, ROWS, COLUMNS)])
        losses = head.loss_by_feat(maps, [truth])
    assert {value.dtype for (task,) in maps for value in task.values()} == {torch.float32}
    assert all(value.isfinite() for value in losses.values())


def test_rejects_unknown_settings() -> None:
    with pytest.raises(ValueError, match='nms_type must be "rotate" or "circle", but got "soft"'):
        build(nms_type="soft")
    with pytest.raises(ValueError, match="cell_size must divide the range"):
        build(cell_size=0.7)


def test_targets_on_a_gpu_are_drawn_on_the_cpu() -> None:
    expected = build().get_targets([one_box_a_class()])
    with PretendedGPU() as gpu:
        head, truth = build().to("cuda"), one_box_a_class()
        gpu.mark([truth.bboxes_3d.tensor, truth.labels_3d], GPU)
        gpu.waits.clear()
        targets = head.get_targets([truth])
        assert {target.device for of_tasks in targets for target in of_tasks} == {GPU}
    # Boxes and labels come to the CPU, and four tensors of six tasks go back.
    by_kind: Counter[str] = Counter()
    for wait, number in gpu.waits.items():
        by_kind[wait.kind] += number
    assert by_kind == {"download": 2, "upload": 24}
    for found, wanted in zip(targets, expected, strict=True):
        assert all(map(torch.equal, found, wanted))
