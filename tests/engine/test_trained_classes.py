"""Point classes mean in a test what they meant in training."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.segmentors.test_point_segmentor import make_segmentor
from torch import nn

from perception_kd.engine.trained_classes import check_trained_classes

CLASSES = ("car", "road", "tree")


def save(path: Path, meta: Any) -> Path:
    torch.save({"state_dict": {}, "meta": meta}, path)
    return path


def test_classes_in_another_order_than_learned_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "epoch_1.pth", {"dataset_meta": {"seg_classes": CLASSES}})
    model = make_segmentor()
    check_trained_classes(model, path, {"seg_classes": list(CLASSES)})
    with pytest.raises(ValueError, match=r"epoch_1.pth is tested on must be .* tree for car"):
        check_trained_classes(model, path, {"seg_classes": CLASSES[::-1]})
    # A mapping of labels of one's own has no names; other models know theirs.
    check_trained_classes(model, path, {})
    check_trained_classes(nn.Linear(1, 1), path, {"seg_classes": CLASSES[::-1]})


@pytest.mark.parametrize("meta", [None, {}, {"dataset_meta": None}, {"dataset_meta": {}}])
def test_a_checkpoint_without_names_is_not_judged(tmp_path: Path, meta: Any) -> None:
    path = save(tmp_path / "weights.pth", meta)
    check_trained_classes(make_segmentor(), path, {"seg_classes": CLASSES})
