"""Reading checkpoint files."""

from pathlib import Path

import torch

from perception_kd.checkpoints.reading import read_checkpoint


def test_all_that_a_checkpoint_holds_is_named(tmp_path: Path) -> None:
    weights = {"weight": torch.zeros(2)}
    path = tmp_path / "epoch_1.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": weights, "optimizer": {}}, path)
    assert read_checkpoint(path).entries == ("meta", "state_dict", "optimizer")
    torch.save(weights, path)
    assert read_checkpoint(path).entries == ("weight",)
