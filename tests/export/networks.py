"""Networks of configs, with random weights and statistics."""

from functools import cache
from typing import Any

import torch
from mmengine import Config

from perception_kd.api.inference.building import build_unloaded_model
from tests.api.conftest import randomize
from tests.test_configs import CONFIGS

PILLARS = "calico/prc_pillar02_8xb4-cyclic-20e_nus.py"
VOXELS = "calico/prc_voxel01_8xb4-cyclic-20e_nus.py"
MINKUNET = "slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
VOXELNET = "slidr/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"
SMALL_MINKUNET = "slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
RAD = "calico/rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
DETECTION = "det/det_voxel01_8xb4-cyclic-20e_nus.py"
FUSION = "det/det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
MAPS = "mapseg/smoke/mapseg_pillar02_8xb4-cyclic-20e_nus.py"
SEGMENTATION = "lidarseg/lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"


@cache
def build(name: str) -> Any:
    """Build the network of a config, with a small teacher where there is one."""
    cfg = Config.fromfile(CONFIGS / name)
    teacher = cfg.model.get("img_backbone", {}).get("backbone")
    if teacher is not None and teacher.get("depth") == 50:
        cfg.model.img_backbone.backbone.update(depth=18, out_stride=32)
    return randomize(build_unloaded_model(cfg.model.to_dict(), name)).eval()


def norm_tensors(channels: int) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the tensors of a batch norm."""
    names = ("weight", "bias", "running_mean", "running_var")
    return {**dict.fromkeys(names, (channels,)), "num_batches_tracked": ()}


def shapes(state: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor."""
    return {name: tuple(value.shape) for name, value in state.items()}
