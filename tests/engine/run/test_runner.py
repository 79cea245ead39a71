"""Data whose classes are not the model's do not reach it."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch.utils.data import DataLoader

from perception_kd.engine.run.runner import CheckedRunner
from tests.models.tasks.test_bev_map_segmentor import CLASSES, make_segmentor


class Named(list[int]):
    """A data set with metainfo."""

    def __init__(self, **metainfo: Any) -> None:
        super().__init__([1, 2])
        self.metainfo = metainfo


def build_loader(dataset: Any) -> DataLoader[Any]:
    runner: Any = SimpleNamespace(model=make_segmentor())
    return CheckedRunner.build_dataloader(runner, DataLoader(dataset))


def test_a_loader_of_the_models_classes_or_of_no_names_is_built() -> None:
    for dataset in (Named(map_classes=CLASSES), Named(), [1, 2]):
        assert len(build_loader(dataset)) == 2


def test_a_loader_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="map_classes of the data must be"):
        build_loader(Named(map_classes=CLASSES[::-1]))
