"""Point classes mean in a test what they meant in training."""

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.engine.trained_classes import check_trained_classes
from tests.models.tasks.test_point_segmentor import make_segmentor

CLASSES = ("car", "road", "tree")


def make_checkpoint(meta: dict[str, Any]) -> Checkpoint:
    return Checkpoint(Path("epoch_1.pth"), {}, meta)


def test_classes_in_another_order_than_learned_are_refused() -> None:
    checkpoint = make_checkpoint({"dataset_meta": {"seg_classes": CLASSES}})
    model = make_segmentor()
    check_trained_classes(model, checkpoint, {"seg_classes": list(CLASSES)})
    with pytest.raises(ValueError, match=r"epoch_1.pth is tested on must be .* tree for car"):
        check_trained_classes(model, checkpoint, {"seg_classes": CLASSES[::-1]})
    # A mapping of labels of one's own has no names; other models know theirs.
    check_trained_classes(model, checkpoint, {})
    check_trained_classes(nn.Linear(1, 1), checkpoint, {"seg_classes": CLASSES[::-1]})


@pytest.mark.parametrize("meta", [{}, {"dataset_meta": None}, {"dataset_meta": {}}])
def test_a_checkpoint_without_names_is_not_judged(meta: dict[str, Any]) -> None:
    check_trained_classes(make_segmentor(), make_checkpoint(meta), {"seg_classes": CLASSES})
