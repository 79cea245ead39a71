"""A fusion network that begins with the weights of its LiDAR alone."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.engine.config.overrides import set_pretrained
from perception_kd.engine.hooks import LoadPretrainedHook
from perception_kd.engine.run.launch import read_config
from perception_kd.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs"
PAIRS = {
    "prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic": (
        "det/det_r18-lss-small_pillar04-small_1xb2-adamw-cosine-10e_synthetic"
    ),
    "prc_pillar02_8xb4-cyclic-20e_nus": "det/det_swint-lss_pillar02_8xb4-cyclic-20e_nus-5pct",
}


def load(config: Path, checkpoint: Path, **options: str) -> torch.nn.Module:
    """Return a config's model as its training would begin."""
    cfg = read_config(config, options)
    set_pretrained(cfg, str(checkpoint))
    model: torch.nn.Module = MODELS.build(cfg.model)
    runner = SimpleNamespace(model=model, iter=0)
    LoadPretrainedHook(**cfg.load_pretrained_from).before_train(runner)
    return model


@pytest.mark.parametrize("pretraining", PAIRS)
def test_the_weights_of_the_lidar_alone_can_be_loaded(pretraining: str, tmp_path: Path) -> None:
    cfg = read_config(CONFIGS / "calico" / f"{pretraining}.py")
    init_default_scope(cfg.default_scope)
    pretrained = MODELS.build(cfg.model).state_dict()
    torch.save({"state_dict": pretrained}, tmp_path / "prc.pth")
    config = CONFIGS / f"{PAIRS[pretraining]}.py"
    with pytest.raises(ValueError, match=r"at least 90% .* lacks img_backbone"):
        load(config, tmp_path / "prc.pth")
    only = {"load_pretrained_from.only": "pts_"}
    model = load(config, tmp_path / "prc.pth", **only)
    parts = ("pts_voxel_encoder.", "pts_backbone.", "pts_neck.")
    loaded = [name for name in model.state_dict() if name.startswith(parts)]
    assert len(loaded) > 30
    for name in loaded:
        assert torch.equal(model.state_dict()[name], pretrained[name]), name
