"""Checkpoints of version 0.1 load, and compute what they did there.

``data/`` holds small ones, made by commit 25618a3, with the entries that mmengine's
runner writes, and input points and the output for them.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.loading import load_weights
from perception_kd.checkpoints.reading import read_checkpoint
from perception_kd.models.pretrainers import PointRegionContrast
from tests.models.pretrainers.test_point_region_contrast import make_pretrainer
from tests.models.tasks.test_point_segmentor import make_segmentor

DATA = Path(__file__).parent / "data"
MODELS: dict[str, Any] = {
    "point_segmentor": make_segmentor,
    "point_region_contrast": make_pretrainer,
}


def compute_output(model: Any, points: list[Tensor]) -> Tensor:
    """Compute the scores of points (N, 3), or every other cell of a BEV map."""
    if isinstance(model, PointRegionContrast):
        return model.extract_pts_bev(points)[:, :, ::2, ::2]
    scores: Tensor = model({"points": points}, mode="tensor")
    return scores


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_outputs_are_unchanged(name: str) -> None:
    model: Module = MODELS[name]().eval()
    checkpoint = read_checkpoint(DATA / f"{name}.pth")
    report = load_weights(model, checkpoint, min_share=1.0)
    assert not report.unexpected
    for key, value in model.state_dict().items():
        assert torch.equal(value, checkpoint.state_dict[key]), key
    content = torch.load(DATA / f"{name}.pth", weights_only=True)
    with torch.no_grad():
        output = compute_output(model, content["points"])
    torch.testing.assert_close(output, content["output"], rtol=1e-5, atol=1e-6)


def test_the_class_names_of_the_training_data_are_read() -> None:
    checkpoint = read_checkpoint(DATA / "point_segmentor.pth")
    assert checkpoint.meta["dataset_meta"]["seg_classes"] == ("car", "road", "tree")
