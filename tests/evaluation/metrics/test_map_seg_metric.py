"""IoU of maps: by hand, against loops over cells, over several batches."""

from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.logging import MMLogger
from mmengine.structures import PixelData

from perception_kd.evaluation.metrics import MapSegMetric
from perception_kd.evaluation.metrics.map_seg_metric import THRESHOLDS, count_cells


def sample(probabilities: Any, truth: Any) -> dict[str, Any]:
    data_sample = Det3DDataSample()
    data_sample.pred_bev_seg = PixelData(masks=torch.as_tensor(probabilities))
    data_sample.gt_bev_seg = PixelData(masks=torch.as_tensor(truth, dtype=torch.uint8))
    as_dict: dict[str, Any] = data_sample.to_dict()
    return as_dict


def test_iou_by_hand() -> None:
    metric = MapSegMetric(["drivable_area"], thresholds=[0.4, 0.6])
    probabilities = [[[0.9, 0.5, 0.5, 0.1]]]
    truth = [[[1, 1, 0, 1]]]
    metric.process(None, [sample(probabilities, truth)])
    scores = metric.evaluate(size=1)
    # At 0.4: two hits, one false alarm, one miss. At 0.6: one hit, two misses.
    assert scores["map/drivable_area_iou@0.40"] == pytest.approx(100 * 2 / 4)
    assert scores["map/drivable_area_iou@0.60"] == pytest.approx(100 / 3)
    assert scores["map/drivable_area_iou_max"] == pytest.approx(50)
    assert scores["map/miou_max"] == pytest.approx(50)
    assert scores["map/miou@0.60"] == pytest.approx(100 / 3)


def test_counts_equal_loops_over_cells() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.choice([0.1, 0.35, 0.5, 0.64, 0.65, 0.9], (3, 6, 5))
    truth = rng.random((3, 6, 5)) > 0.5
    expected = np.zeros((3, 3, len(THRESHOLDS)), dtype=int)
    for index in np.ndindex(3, 6, 5):
        for t, threshold in enumerate(THRESHOLDS):
            predicted, true = probabilities[index] >= threshold, truth[index]
            kind = 0 if predicted and true else 1 if predicted else 2 if true else None
            if kind is not None:
                expected[kind, index[0], t] += 1
    np.testing.assert_array_equal(count_cells(probabilities, truth), expected)


def test_all_samples_count_with_a_best_threshold_per_class() -> None:
    metric = MapSegMetric(["a", "b"], thresholds=[0.3, 0.7])
    # Class a is best at 0.3, class b at 0.7.
    first = sample([[[0.4, 0.4]], [[0.4, 0.9]]], [[[1, 1]], [[0, 1]]])
    second = sample([[[0.4, 0.1]], [[0.4, 0.9]]], [[[1, 0]], [[0, 1]]])
    metric.process(None, [first])
    metric.process(None, [second])
    scores = metric.evaluate(size=2)
    assert scores["map/a_iou_max"] == 100
    assert scores["map/b_iou_max"] == 100
    assert scores["map/miou_max"] == 100
    assert scores["map/miou@0.30"] == pytest.approx((100 + 50) / 2)


def test_a_class_that_no_map_holds_takes_no_part_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(MMLogger.get_current_instance(), "info", lines.append)
    metric = MapSegMetric(["a", "stop_line"], thresholds=[0.5])
    metric.process(None, [sample([[[0.9, 0.1]], [[0.9, 0.9]]], [[[1, 0]], [[0, 0]]])])
    scores = metric.evaluate(size=1)
    assert scores["map/miou_max"] == 100
    assert "map/stop_line_iou_max" not in scores
    assert lines[-1] == "Not in the maps, so not in the mean: stop_line."


def test_maps_of_classes_in_another_order_are_refused() -> None:
    metric = MapSegMetric(["drivable_area", "divider"])
    of_two = sample([[[0.9]], [[0.1]]], [[[1]], [[0]]])
    metric.process(None, [{**of_two, "map_classes": ("drivable_area", "divider")}])
    with pytest.raises(ValueError, match="differ first in divider for drivable_area"):
        metric.process(None, [{**of_two, "map_classes": ("divider", "drivable_area")}])


def test_refuses_maps_without_a_class_and_empty_settings() -> None:
    metric = MapSegMetric(["a"], thresholds=[0.5])
    metric.process(None, [sample([[[0.9]]], [[[0]]])])
    with pytest.raises(ValueError, match="The maps of the samples are empty"):
        metric.evaluate(size=1)
    with pytest.raises(ValueError, match="must not be empty"):
        MapSegMetric([])
