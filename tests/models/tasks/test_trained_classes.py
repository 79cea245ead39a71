"""Point classes mean in a test what they meant in training."""

from pathlib import Path
from typing import Any

import pytest

from perception_kd.checkpoints.reading import Checkpoint
from tests.models.tasks.test_point_segmentor import make_segmentor

CLASSES = ("car", "road", "tree")


def make_checkpoint(meta: dict[str, Any]) -> Checkpoint:
    return Checkpoint(Path("epoch_1.pth"), {}, meta)


def test_classes_in_another_order_than_learned_are_refused() -> None:
    checkpoint = make_checkpoint({"dataset_meta": {"seg_classes": CLASSES}})
    model = make_segmentor()
    model.check_trained_on(checkpoint, {"seg_classes": list(CLASSES)})
    with pytest.raises(ValueError, match=r"epoch_1.pth is tested on must be .* tree for car"):
        model.check_trained_on(checkpoint, {"seg_classes": CLASSES[::-1]})
    # A custom label mapping has no names.
    model.check_trained_on(checkpoint, {})


@pytest.mark.parametrize("meta", [{}, {"dataset_meta": None}, {"dataset_meta": {}}])
def test_a_checkpoint_without_names_is_not_judged(meta: dict[str, Any]) -> None:
    make_segmentor().check_trained_on(make_checkpoint(meta), {"seg_classes": CLASSES})


def test_data_with_another_number_of_classes_are_refused() -> None:
    model = make_segmentor()
    number = model.pts_seg_head.proj.out_features
    model.check_data_classes({})
    model.check_data_classes({"seg_classes": ["a"] * number})
    with pytest.raises(ValueError, match="choose classes with --classes rail tram"):
        model.check_data_classes({"seg_classes": ["rail", "tram"]})
