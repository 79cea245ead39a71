"""Each method trains and is evaluated on a pretended GPU, and waits only where it must.

A network with parts on two devices works on a CPU and fails on a GPU, and each line
that makes the CPU wait for a GPU leaves the GPU without work.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomllib
import torch
from mmengine import Config
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper

from perception_kd.doctor.device_steps import build_loader, build_model
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from perception_kd.utils.constants import constant
from tests.fake_data.prepared import PreparedData
from tests.pretended_device import CPU, PretendedGPU, Wait

CONFIGS = Path(__file__).parents[1] / "configs"
METHODS = {
    "slidr": "slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "ppkt": "ppkt/smoke/ppkt_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py",
    "prc": "calico/smoke/prc_voxel01_8xb4-cyclic-20e_nus.py",
    "point_contrast": "calico/smoke/point-contrast_pillar02_8xb4-cyclic-20e_nus.py",
    "rad": "calico/smoke/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "simipu": "calico/smoke/simipu_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "bev_distill": "calico/smoke/bev-distill_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "detection": "det/smoke/det_pillar02_8xb4-cyclic-20e_nus.py",
    "map": "mapseg/smoke/mapseg_pillar02_8xb4-cyclic-20e_nus.py",
    "lidarseg": "lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py",
}


@pytest.fixture(autouse=True)
def _no_constants_of_others() -> Iterator[None]:
    constant.cache_clear()
    yield
    constant.cache_clear()


def read_waits(method: str) -> Counter[Wait]:
    """Return the waits of a training step that ``waits.toml`` gives reasons for."""
    rows = tomllib.loads(Path(__file__).with_name("waits.toml").read_text())["wait"]
    assert all(len(row["why"]) > 20 for row in rows)
    return Counter(
        {Wait(r["kind"], r["place"]): r["steps"][method] for r in rows if method in r["steps"]}
    )


def train(cfg: Config, gpu: PretendedGPU) -> Any:
    """Build a model on the GPU and take a step; its waits alone are counted."""
    model = build_model(cfg).to("cuda").train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = copy.deepcopy(next(iter(build_loader(cfg))))
    gpu.mark(batch, CPU)
    gpu.waits.clear()
    model.train_step(batch, wrapper)
    return model


def evaluate(cfg: Config, gpu: PretendedGPU, model: Any) -> None:
    cfg.train_dataloader = cfg.val_dataloader
    loader = build_loader(cfg)
    batch = next(iter(loader))
    gpu.mark(batch, CPU)
    settings = cfg.val_evaluator
    evaluator = Evaluator(settings if isinstance(settings, list) else [settings])
    evaluator.dataset_meta = loader.dataset.metainfo
    with torch.no_grad():
        evaluator.process(model.eval().val_step(batch), batch)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_method_keeps_to_one_device(method: str, prepared_synthetic: PreparedData) -> None:
    path = CONFIGS / METHODS[method]
    options = prepared_synthetic.options_for(path)
    cfg = read_config(path)
    set_data_folders(cfg, options[1], options[3])
    with PretendedGPU() as gpu:
        model = train(cfg, gpu)
        assert gpu.waits == read_waits(method)
        evaluate(cfg, gpu, model)
