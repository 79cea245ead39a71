"""Checkpoints with random weights and with the config of a training in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.datasets.transforms import LoadImages, LoadPoints
from perception_kd.engine.config.overrides import set_data_folders, walk_settings
from perception_kd.engine.run.launch import read_config
from perception_kd.registry import DATASETS, MODELS
from tests.fake_data.prepared import PreparedData
from tests.test_configs import CONFIGS


class Trained(NamedTuple):
    """A checkpoint, and a sample as its training has it and as a user has it.

    Attributes:
        path: The checkpoint.
        model: The model with the weights of the checkpoint.
        inputs: The batch of two samples that the training's pipeline makes.
        rows: Rows of the loaded points that the pipeline keeps.
        clouds: The points of these samples as loaded, before any other step.
        imgs: Their images as stored.
        calibrations: Their matrices.
    """

    path: Path
    model: Any
    inputs: Any
    rows: list[Any]
    clouds: list[Any]
    imgs: list[Any]
    calibrations: list[dict[str, Any]]


@pytest.fixture(scope="session")
def trained(
    prepared_synthetic: PreparedData, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Trained]:
    """Return a function from the name of a config to its checkpoint and samples."""
    made: dict[str, Trained] = {}
    folder = tmp_path_factory.mktemp("trained")

    def make(name: str) -> Trained:
        if name not in made:
            options = prepared_synthetic.options_for(CONFIGS / name)
            made[name] = make_trained(CONFIGS / name, folder, options[1], options[3])
        return made[name]

    return make


def make_trained(config: Path, folder: Path, data_root: str, info_root: str) -> Trained:
    """Write a checkpoint of a config, and compute what its pipeline makes of data."""
    cfg = read_config(config)
    set_data_folders(cfg, data_root, info_root)
    init_default_scope("perception_kd")
    for part in walk_settings(cfg.model):
        if "checkpoint" in part:
            part["checkpoint"] = None
    model = randomize(MODELS.build(cfg.model)).eval()
    path = folder / f"{config.stem}.pth"
    # As mmengine's text but for the format, which takes seconds.
    text = "\n".join(f"{name} = {value!r}" for name, value in cfg.to_dict().items())
    meta = {"iter": 8, "cfg": text, "dataset_meta": {"seg_classes": ("car", "road")}}
    torch.save({"state_dict": model.state_dict(), "meta": meta}, path)

    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]))
    rows = [getattr(sample, "original_points", None) for sample in batch["data_samples"]]
    steps = [step for step in dataset.pipeline.transforms if isinstance(step, LoadPoints)]
    clouds, imgs, calibrations = [], [], []
    for number in range(2):
        sample = dataset.get_data_info(number)
        loaded = [step(sample) for step in steps]
        clouds += [each["points"] for each in loaded if each is not None]
        if sample["img_paths"]:
            imgs.append(LoadImages()(sample)["imgs"])
            calibrations.append({key: sample[key] for key in ("lidar2cam", "cam2img")})
    return Trained(path, model, batch["inputs"], rows, clouds, imgs, calibrations)


def randomize(model: Any) -> Any:
    """Draw weights and statistics with which features differ from point to point."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            drawn = torch.rand(value.shape, generator=generator)
            is_spread = value.dim() == 1 and not name.endswith(("bias", "mean"))
            fan = max(1, int(np.prod(value.shape[1:])))
            value.copy_(drawn + 0.5 if is_spread else (drawn - 0.5) * (6 / fan**0.5))
    return model
