"""Means of a pre-trainer's values."""

from perception_kd.evaluation.metrics import MeanOverBatches


def test_each_value_is_averaged_over_the_batches() -> None:
    metric = MeanOverBatches(prefix="val")
    metric.process(None, [{"loss_contrast": 3.0, "num_pairs": 10.0}])
    metric.process(None, [{"loss_contrast": 1.0, "num_pairs": 20.0}])
    assert metric.evaluate(size=2) == {"val/loss_contrast": 2.0, "val/num_pairs": 15.0}
