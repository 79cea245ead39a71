"""Two ranks with half the batch each take the step of one process with all of it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from perception_kd.ops.batch_norm import SynchronizedBatchNorm, synchronize_batch_norms
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import PRETRAINER, make_inputs
from tests.models.pretrainers.tiny_bev import (
    CAMERA,
    GRID,
    PLRC,
    RAPC,
    make_batch,
    make_camera_batch,
)
from tests.models.small_networks import PILLARS, VOXELNET
from tests.ranks import run_ranks

ALL_RANKS: dict[str, Any] = dict(scope="batch", gather_negatives=True)
PROJECTOR: dict[str, Any] = dict(
    type="FeatureProjector", hidden_channels=(8,), out_channels=8, batch_norm=True
)
INFO_NCE: dict[str, Any] = dict(type="InfoNCELoss", gather_negatives=True)
SIZES = (200, 300)
TINY: dict[str, Any] = {**PRETRAINER, "loss_contrast": INFO_NCE}
PRC: dict[str, Any] = dict(type="PointRegionContrast", grid=GRID, loss_plrc=PLRC, loss_rapc=RAPC)
MODELS_OF_METHODS: dict[str, dict[str, Any]] = {
    "slidr": dict(type="SuperpixelDistillation", **TINY),
    "ppkt": dict(type="PixelDistillation", **TINY),
    "prc": dict(**PRC, **PILLARS, pts_projector=dict(**PROJECTOR, in_channels=12)),
    "prc voxels": dict(
        {**PRC, "grid": {**GRID, "cell_size": 0.8}},
        **VOXELNET,
        pts_projector=dict(**PROJECTOR, in_channels=8),
    ),
    "prc all ranks": dict(
        {**PRC, "loss_plrc": {**PLRC, **ALL_RANKS}, "loss_rapc": {**RAPC, **ALL_RANKS}},
        **PILLARS,
        pts_projector=dict(**PROJECTOR, in_channels=12),
    ),
    "rad": dict(
        type="RegionDistillation",
        grid=GRID,
        **PILLARS,
        **CAMERA,
        pts_projector=dict(type="FeatureProjector", in_channels=12, out_channels=8),
        img_projector=dict(**PROJECTOR, in_channels=6),
        loss_rad={**RAPC, **ALL_RANKS},
    ),
}


def make_model(method: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    model = MODELS.build(MODELS_OF_METHODS[method])
    model.init_weights()
    return model.to(dtype).train()


def make_whole_batch(method: str) -> dict[str, Any]:
    if method == "rad":
        return as_double(dict(make_camera_batch(SIZES)))
    inputs = make_inputs() if method in ("slidr", "ppkt") else make_batch(SIZES)
    return pair_within_samples(as_double(dict(inputs)))


def as_double(value: Any) -> Any:
    """Convert a batch to double precision, which leaves only faults."""
    return as_dtype(value, torch.float64)


def as_dtype(value: Any, dtype: torch.dtype) -> Any:
    """Convert the real numbers of a batch."""
    if isinstance(value, dict):
        return {key: as_dtype(part, dtype) for key, part in value.items()}
    if isinstance(value, list):
        return [as_dtype(part, dtype) for part in value]
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def take_sample(inputs: dict[str, Any], sample: int) -> dict[str, Any]:
    """Return one of the two samples of a batch."""
    part: dict[str, Any] = {
        key: [value[sample]]
        for key, value in inputs.items()
        if key in ("points", "region_ids", "sampled_points")
    }
    if "cloud_views" in inputs:
        part["cloud_views"] = [[view[sample]] for view in inputs["cloud_views"]]
    if "pairing_points" in inputs:
        return part | take_pairs(inputs, sample)
    if "imgs" in inputs:
        views = inputs["view_sample"] == sample
        for key in ("imgs", "lidar2cam", "cam2img", "img_aug_matrix"):
            part[key] = inputs[key][views]
        part["view_sample"] = torch.zeros(int(views.sum()), dtype=torch.long)
        part["lidar_aug_matrix"] = inputs["lidar_aug_matrix"][sample : sample + 1]
    return part


def take_pairs(inputs: dict[str, Any], sample: int) -> dict[str, Any]:
    """Return what a sample of SLidR has: views 0 and 1, or view 2."""
    views = slice(0, 2) if sample == 0 else slice(2, 3)
    first_point = sum(len(cloud) for cloud in inputs["points"][:sample])
    own = inputs["pairing_points"] >= first_point
    own &= inputs["pairing_points"] < first_point + len(inputs["points"][sample])
    pixels = inputs["pairing_images"][own] - torch.tensor([views.start, 0, 0])
    return {
        "imgs": inputs["imgs"][views],
        "superpixels": inputs["superpixels"][views],
        "num_superpixels": inputs["num_superpixels"],
        "pairing_points": inputs["pairing_points"][own] - first_point,
        "pairing_images": pixels,
    }


def pair_within_samples(inputs: dict[str, Any]) -> dict[str, Any]:
    """Keep the pairs of a point and an image of the same sample."""
    if "pairing_points" in inputs:
        sample = (inputs["pairing_points"] >= len(inputs["points"][0])).long()
        kept = sample == (inputs["pairing_images"][:, 0] >= 2).long()
        inputs["pairing_points"] = inputs["pairing_points"][kept]
        inputs["pairing_images"] = inputs["pairing_images"][kept]
    return inputs


class _Sample:
    seed = 0


def take_step(model: nn.Module, inputs: dict[str, Any]) -> dict[str, Tensor]:
    """Return gradients, and what the model is after a step of SGD."""
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1)
    num_samples = len(inputs["points"])
    losses = model(inputs, data_samples=[_Sample()] * num_samples, mode="loss")
    total = torch.stack([value for name, value in losses.items() if "loss" in name]).sum()
    total.backward()
    network = model.module if isinstance(model, DistributedDataParallel) else model
    found = {f"grad of {k}": p.grad for k, p in network.named_parameters() if p.grad is not None}
    optimizer.step()
    found = {k: v.clone() for k, v in (found | network.state_dict()).items()}
    return found | {"total loss": total.detach()}


def steps_of_rank(rank: int, cases: list[tuple[str, str]]) -> list[dict[str, Tensor]]:
    """Take the step of each method and batch, in one group of processes."""
    return [step_of_rank(rank, method, batch) for method, batch in cases]


def step_of_rank(rank: int, method: str, batch: str) -> dict[str, Tensor]:
    model = synchronize_batch_norms(make_model(method, DTYPES[batch]))
    assert any(isinstance(module, SynchronizedBatchNorm) for module in model.modules())
    inputs = PREPARE[batch](make_whole_batch(method))
    # The whole batch is prepared, so that both precisions have the same pairs.
    return take_step(DistributedDataParallel(model), take_sample(inputs, rank))


def without_second(inputs: dict[str, Any]) -> dict[str, Any]:
    """Take all points, and so all pairs and regions, from the second sample."""
    inputs["points"] = [inputs["points"][0], inputs["points"][1][:0]]
    if "pairing_points" in inputs:
        own = inputs["pairing_points"] < len(inputs["points"][0])
        for key in ("pairing_points", "pairing_images"):
            inputs[key] = inputs[key][own]
    else:
        inputs["cloud_views"] = [[first, second[:0]] for first, second in inputs["cloud_views"]]
        inputs["points"] = inputs["cloud_views"][0]
        for key in ("region_ids", "sampled_points"):
            inputs[key] = [inputs[key][0], inputs[key][1][:0]]
    return inputs


def largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Return the largest difference of a tensor, relative to its largest value."""
    assert found.keys() == expected.keys()
    return max(
        float((found[key] - expected[key]).abs().max() / expected[key].abs().max().clamp(min=1e-3))
        for key in expected
        if expected[key].is_floating_point() and expected[key].numel()
    )


PREPARE: dict[str, Callable[..., Any]] = {
    "all": lambda inputs: inputs,
    "empty": without_second,
    "single": lambda inputs: as_dtype(inputs, torch.float32),
}
DTYPES = {"all": torch.float64, "empty": torch.float64, "single": torch.float32}
CASES = [(method, batch) for method in MODELS_OF_METHODS for batch in PREPARE]


@pytest.fixture(scope="module")
def steps_of_ranks() -> list[list[dict[str, Tensor]]]:
    return run_ranks(steps_of_rank, CASES)


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize(("method", "batch"), CASES)
def test_two_ranks_step_like_one_process(
    method: str, batch: str, steps_of_ranks: list[list[dict[str, Tensor]]]
) -> None:
    model = make_model(method, DTYPES[batch])
    expected = take_step(model, PREPARE[batch](make_whole_batch(method)))
    for steps in steps_of_ranks:
        found = steps[CASES.index((method, batch))]
        if batch != "single":
            assert largest_difference(found, expected) < 1e-9
            continue
        # Gradients of one process differ by as much from those in double precision.
        assert largest_difference(found, expected) < 5e-5
        state = [name for name in expected if not name.startswith("grad of ")]
        for name in state:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-5)
