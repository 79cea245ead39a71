"""Reading checkpoint files."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from perception_kd.checkpoints.reading import read_checkpoint


def test_all_that_a_checkpoint_holds_is_named(tmp_path: Path) -> None:
    weights = {"weight": torch.zeros(2)}
    path = tmp_path / "epoch_1.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": weights, "optimizer": {}}, path)
    assert read_checkpoint(path).entries == ("meta", "state_dict", "optimizer")
    torch.save(weights, path)
    assert read_checkpoint(path).entries == ("weight",)


@pytest.mark.parametrize("change", [torch.Tensor.to_sparse, lambda x: x.to(torch.complex64)])
def test_tensors_that_are_no_weights_are_refused(
    tmp_path: Path, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    path = tmp_path / "epoch_1.pth"
    torch.save({"state_dict": {"conv.weight": change(torch.ones(2, 2))}}, path)
    with pytest.raises(ValueError, match=r"conv\.weight of the checkpoint .*epoch_1\.pth is torch"):
        read_checkpoint(path)


def test_meta_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "epoch_1.pth"
    torch.save({"meta": [1], "state_dict": {"weight": torch.zeros(2)}}, path)
    with pytest.raises(
        ValueError, match=r'"meta" of the checkpoint .* must be a dict, but is list'
    ):
        read_checkpoint(path)
