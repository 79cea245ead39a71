"""IoU against hand-counted points."""

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler

from perception_kd.evaluation.metrics import LidarSegMetric
from perception_kd.evaluation.metrics.lidar_seg_metric import class_iou, confusion_matrix

TRUTH = np.array([0, 0, 0, 1, 1, 255, 2])
PREDICTED = np.array([0, 0, 1, 1, 255, 0, 3])


def test_confusion_counts_points_by_hand() -> None:
    expected = [[2, 1, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
    assert confusion_matrix(TRUTH, PREDICTED, num_classes=4).tolist() == expected


def test_iou_is_hits_over_union_and_absent_classes_have_none() -> None:
    # 0: 2 hits of 3 labels, no false one; 1: 1 hit, 2 labels, 1 false; 2: 1 label,
    # missed; 3: predicted once but in no label.
    iou = class_iou(confusion_matrix(TRUTH, PREDICTED, num_classes=4))
    np.testing.assert_allclose(iou, [2 / 3, 1 / 3, 0, np.nan])


def test_counts_are_exact_beyond_the_integers_of_float32() -> None:
    confusion = np.array([[2**24 + 1, 1, 0], [0, 1, 0]])
    assert class_iou(confusion)[0] == (2**24 + 1) / (2**24 + 2)


def test_the_mean_is_over_the_classes_present() -> None:
    metric = LidarSegMetric(classes=["road", "car", "tree", "pole"])
    for part in (slice(0, 3), slice(3, None)):
        metric.process(
            None,
            [
                {
                    "gt_pts_seg": {"pts_semantic_mask": torch.tensor(TRUTH[part])},
                    "pred_pts_seg": {"pts_semantic_mask": torch.tensor(PREDICTED[part])},
                }
            ],
        )
    result = metric.evaluate(size=2)
    assert result["lidar_seg/miou"] == pytest.approx(100 / 3)
    assert result["lidar_seg/accuracy"] == pytest.approx(100 * 3 / 6)
    assert "lidar_seg/iou_pole" not in result


def test_labels_without_any_class_are_an_error() -> None:
    metric = LidarSegMetric(classes=["road"])
    nothing = torch.tensor([255])
    sample = {"pts_semantic_mask": nothing}
    metric.process(None, [{"gt_pts_seg": sample, "pred_pts_seg": sample}])
    with pytest.raises(ValueError, match="No point of the samples has a label"):
        metric.evaluate(size=1)


def test_the_classes_are_the_data_sets_unless_given() -> None:
    metric = LidarSegMetric()
    with pytest.raises(ValueError, match="LidarSegMetric needs classes"):
        assert metric.classes
    metric.dataset_meta = {"seg_classes": ("road", "car")}
    assert metric.classes == ["road", "car"]
    given = LidarSegMetric(classes=("tree",))
    given.dataset_meta = metric.dataset_meta
    assert given.classes == ["tree"]


class MatrixMetric(LidarSegMetric):
    """Returns the confusion matrix itself."""

    def compute_metrics(self, results: list[Any]) -> dict[str, Any]:
        """Return the sum over the samples."""
        return {"matrix": sum(r.confusion for r in results).tolist()}


def evaluate_a_share(num_samples: int) -> Any:
    """Evaluate the samples that mmengine's sampler gives this process."""
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 4, (num_samples, 2, 50)))
    metric = MatrixMetric(classes=["road", "car", "tree", "pole"])
    for i in DefaultSampler(range(num_samples), shuffle=False):
        truth, predicted = ({"pts_semantic_mask": x} for x in labels[i])
        metric.process(None, [{"gt_pts_seg": truth, "pred_pts_seg": predicted}])
    return metric.evaluate(num_samples)["lidar_seg/matrix"]


def run_process(rank: int, folder: Path, num_samples: int) -> None:
    os.chdir(folder)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    (folder / f"{rank}.json").write_text(json.dumps(evaluate_a_share(num_samples)))
    torch.distributed.destroy_process_group()


@pytest.mark.distributed
@pytest.mark.parametrize("num_samples", [4, 5])
def test_in_two_processes_each_sample_counts_once(num_samples: int, tmp_path: Path) -> None:
    # Of five samples the sampler gives the first one to both, so that each has three.
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=run_process, args=(rank, tmp_path, num_samples)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    expected = evaluate_a_share(num_samples)
    assert np.sum(expected) == 50 * num_samples
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == expected
