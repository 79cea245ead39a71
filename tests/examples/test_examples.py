"""The examples run, and their weights fit the networks of the configs."""

import math
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.registry import MODELS
from tests.fake_data.prepared import PreparedData

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "slidr": "configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
    "prc": "configs/calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
}


def lidar_shapes(state_dict: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in state_dict.items() if k.startswith("pts_")}


@pytest.mark.parametrize(("name", "epochs"), [("slidr", 4), ("prc", 8)])
def test_an_example_trains_the_network_of_its_config(
    name: str,
    epochs: int,
    prepared_synthetic: PreparedData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = ROOT / CONFIGS[name]
    _, root, _, info_root = prepared_synthetic.options_for(config)
    monkeypatch.setattr(sys, "argv", [name, root, info_root])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")

    losses = re.findall(r"^epoch \d: loss (.+)$", capsys.readouterr().out, re.M)
    # Three samples, two per step.
    assert len(losses) == 2 * epochs
    assert all(math.isfinite(float(loss)) for loss in losses)
    saved = torch.load(f"{name}.pth", weights_only=True)["state_dict"]
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    assert lidar_shapes(saved) == lidar_shapes(model.state_dict())
