"""The configs named as published have the numbers of the paper and its code."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from torch import nn

from perception_kd.datasets.pipeline import list_steps
from perception_kd.registry import MODELS, TRANSFORMS
from tests.test_configs import CONFIGS


def pipeline_of(cfg: Config) -> dict[str, Any]:
    """Build the training transforms, by the name of their class."""
    init_default_scope(cfg.default_scope)
    steps = list_steps(cfg.train_dataloader.dataset.pipeline)
    built = [TRANSFORMS.build(step) for step in steps]
    return {type(transform).__name__: transform for transform in built}


@pytest.mark.parametrize(
    ("method", "student", "batch_size", "learning_rate", "segments", "scenes"),
    [
        ("slidr", "minkunet34", 4, 0.5, 150, "parametrize_train"),
        ("slidr", "voxelnet", 6, 0.01, 30, None),
        ("ppkt", "minkunet34", 4, 0.5, None, "parametrize_train"),
        ("ppkt", "voxelnet", 6, 0.01, None, None),
    ],
)
def test_the_published_numbers(
    method: str,
    student: str,
    batch_size: int,
    learning_rate: float,
    segments: int | None,
    scenes: str | None,
) -> None:
    stem = f"{method}_r50-mocov2_{student}_1xb{batch_size}-sgd-cosine-50e_nus"
    cfg = Config.fromfile(CONFIGS / method / f"{stem}.py")
    assert cfg.optim_wrapper.optimizer == dict(
        type="SGD", lr=learning_rate, momentum=0.9, dampening=0.1, weight_decay=1e-4
    )
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == batch_size
    assert cfg.train_dataloader.dataset.scenes == scenes
    assert cfg.train_cfg.max_epochs == 50
    assert cfg.optim_wrapper.type == "OptimWrapper"  # single precision
    assert cfg.model.loss_contrast == dict(type="InfoNCELoss", temperature=0.07)

    transforms = pipeline_of(cfg)
    crop, cuboids = transforms["RandomResizedCrop"], transforms["DropCuboids"]
    assert crop.size == (224, 416)
    assert (crop.scale, crop.ratio) == ((0.3, 1.0), (14 / 9, 17 / 9))
    assert (crop.min_pairs, crop.min_fraction, crop.antialias) == (1024, 0.75, False)
    assert (cuboids.max_fraction, cuboids.min_pairs) == (0.2, 1024)
    assert transforms["RandomRotateZ"].range_deg == (0, 360)
    assert transforms["RandomFlipImages"].p == 0.5
    assert (transforms["RandomFlipAxis"].p_x, transforms["RandomFlipAxis"].p_y) == (0.5, 0.5)
    superpixels = cfg.train_dataloader.dataset.pipeline.load_superpixels
    assert (superpixels and superpixels.settings.num_segments) == segments

    cfg.model.img_backbone.backbone.checkpoint = None
    model = MODELS.build(cfg.model)
    assert model.img_head.conv.weight.shape == (64, 2048, 1, 1)
    stride = {"slidr": 4, "ppkt": 32}[method]
    assert model.img_backbone.stride == model.img_head.scale_factor == stride
    assert model.img_head.align_corners
    assert getattr(model, "num_samples", 4096) == 4096
    check_student = check_minkunet if student == "minkunet34" else check_voxelnet
    check_student(model, transforms)


def check_minkunet(model: Any, transforms: dict[str, Any]) -> None:
    """Cylindrical voxels with raw intensity; momenta of the batch norms."""
    voxelizer = model.pts_voxelizer
    assert voxelizer.coordinates == "cylindrical"
    assert voxelizer.voxel_size.tolist() == pytest.approx([0.1, 1.0, 0.1])
    assert (voxelizer.reduce, voxelizer.feature_columns) == ("first", (3,))
    assert (float(voxelizer.scale), float(voxelizer.offset)) == (1, 0)
    assert "CropToDisc" not in transforms
    momenta = {
        key: module.momentum
        for key, module in model.pts_backbone.named_modules()
        if isinstance(module, nn.BatchNorm1d)
    }
    assert momenta["conv_input.0.1"] == 0.05
    assert set(momenta.values()) == {0.05, 0.1}
    assert model.pts_head.proj.weight.shape == (64, 96)
    assert model.pts_head.proj.bias is not None


def check_voxelnet(model: Any, transforms: dict[str, Any]) -> None:
    """Mean of at most ten points of a Cartesian voxel, cropped to the disc."""
    voxelizer = model.pts_voxelizer
    assert voxelizer.coordinates == "cartesian"
    assert voxelizer.voxel_size.tolist() == pytest.approx([0.1, 0.1, 0.2])
    assert (voxelizer.reduce, voxelizer.max_points) == ("mean", 10)
    assert voxelizer.feature_columns == (0, 1, 2, 3)
    assert voxelizer.grid_shape == (40, 1024, 1024)
    disc = transforms["CropToDisc"]
    assert (disc.radius, disc.z_range) == (51.2, (-5, 3))
    assert model.pts_head.grid.shape == (128, 128)
    assert model.pts_head.proj.bias is None


@pytest.mark.parametrize(("task", "drop_path"), [("det", 0.2), ("mapseg", 0.3)])
def test_swin_is_trained_as_in_bevfusion(task: str, drop_path: float) -> None:
    cfg = Config.fromfile(CONFIGS / task / f"{task}_swint-lss_8xb4-cyclic-20e_nus.py")
    backbone = {**cfg.model.img_backbone, "init_cfg": None}
    assert backbone["drop_path_rate"] == drop_path
    assert cfg.model.view_transform.type == "LSSViewTransform"
    init_default_scope(cfg.default_scope)
    model = nn.ModuleDict({"img_backbone": MODELS.build(backbone)})
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decays = {id(group["params"][0]): group["weight_decay"] for group in groups}
    for name, parameter in model.named_parameters():
        is_table = name.endswith("relative_position_bias_table")
        assert decays[id(parameter)] == (0.0 if is_table else 0.01)
    steps = cfg.train_dataloader.dataset
    pipeline = steps.get("dataset", steps).pipeline
    assert pipeline.scale_images.bicubic
    assert cfg.test_dataloader.dataset.pipeline.resize_images.bicubic


def test_training_draws_its_sweeps_and_tests_take_the_nearest() -> None:
    cfg = Config.fromfile(CONFIGS / "det" / "det_pillar02_8xb4-cyclic-20e_nus.py")
    assert cfg.train_dataloader.dataset.dataset.pipeline.load_points.random_sweeps
    assert "random_sweeps" not in cfg.test_dataloader.dataset.pipeline.load_points


LIDARSEG = CONFIGS / "lidarseg"


@pytest.mark.parametrize(
    ("data", "batch_size", "classes", "fine_tuning", "offset"),
    [("nus", 16, 16, 0.02, 0), ("kitti", 10, 19, 0.05, 1)],
)
def test_segmentation_is_trained_as_published(
    data: str, batch_size: int, classes: int, fine_tuning: float, offset: float
) -> None:
    rates = {"finetune": (fine_tuning, 2.0), "scratch": (0.05, 0.05), "probe": (0.05, 0.05)}
    for task, (rate, head_rate) in rates.items():
        stem = f"lidarseg-{task}_minkunet34_1xb{batch_size}-sgd-cosine-100e_{data}"
        cfg = Config.fromfile(LIDARSEG / f"{stem}.py")
        assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == batch_size
        assert cfg.train_cfg.max_epochs == 100
        assert (cfg.load_pretrained_from is None) == (task == "scratch")
        assert list(pipeline_of(cfg)) == [
            *("LoadPoints", "LoadPointLabels"),
            *("RandomRotateZ", "RandomFlipAxis", "PackInputs"),
        ]
        model = MODELS.build(cfg.model)
        assert float(model.pts_voxelizer.offset) == offset
        check_segmentor(model, classes, frozen=task == "probe")
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
        settings = dict(momentum=0.9, dampening=0.1, weight_decay=1e-4)
        assert settings.items() <= optimizer.defaults.items()
        rate_of = {p: g["lr"] for g in optimizer.param_groups for p in g["params"]}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                of_head = name.startswith("pts_seg_head.")
                assert rate_of[parameter] == pytest.approx(head_rate if of_head else rate)


def check_segmentor(model: Any, classes: int, frozen: bool) -> None:
    """Losses on voxels, one linear layer, momenta of the batch norms, what trains."""
    assert model.pts_voxelizer.coordinates == "cylindrical"
    assert model.pts_voxelizer.voxel_size.tolist() == pytest.approx([0.1, 1.0, 0.1])
    assert (model.pts_voxelizer.reduce, model.pts_voxelizer.feature_columns) == ("first", (3,))
    assert model.loss_on == "voxels"
    weights = {name: loss.loss_weight for name, loss in model.losses.items()}
    assert weights == {"loss_ce": 1.0, "loss_lovasz": 1.0}
    assert model.losses["loss_lovasz"].classes == "present"
    assert model.pts_seg_head.proj.weight.shape == (classes, 96)
    assert model.pts_seg_head.proj.bias is not None
    norms = [m for m in model.pts_backbone.modules() if isinstance(m, nn.BatchNorm1d)]
    assert {norm.momentum for norm in norms} == {0.02, 0.1}
    assert any(norm.training for norm in norms) != frozen
    assert any(p.requires_grad for p in model.pts_backbone.parameters()) != frozen


@pytest.mark.parametrize("task", ["finetune", "scratch"])
def test_shares_of_the_labels_change_the_labels_alone(task: str) -> None:
    shares: dict[str, dict[str, Any]] = {
        f"1xb16-sgd-cosine-100e_nus-{p}pct": dict(scenes=f"nuscenes_slidr_{p}pct")
        for p in (1, 5, 10, 25)
    }
    shares["1xb10-sgd-cosine-100e_kitti-1of100"] = dict(sample_step=100)
    for setting, chosen in shares.items():
        path = LIDARSEG / f"lidarseg-{task}_minkunet34_{setting}.py"
        whole = Config.fromfile(path.with_stem(path.stem.rpartition("-")[0]))
        whole.train_dataloader.dataset.update(chosen)
        assert Config.fromfile(path).to_dict() == whole.to_dict()


def rates(schedule: str, max_epochs: int, steps_per_epoch: int) -> Sequence[float]:
    """Return the learning rate of every step of a schedule."""
    cfg = Config.fromfile(CONFIGS / "_base_" / "schedules" / f"{schedule}.py")
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedulers = []
    for settings in cfg.param_scheduler:
        settings.setdefault("end", max_epochs)  # as mmengine's runner does
        settings.setdefault("by_epoch", True)
        kind = PARAM_SCHEDULERS.get(settings.pop("type"))
        if settings.pop("convert_to_iter_based", False):
            build = kind.build_iter_from_epoch
            settings["epoch_length"] = steps_per_epoch
        else:
            build = kind
        schedulers.append(build(optimizer=optimizer, **settings))
    rates = []
    for step in range(max_epochs * steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (step + 1) % steps_per_epoch == 0:
                scheduler.step()
    return rates


@pytest.mark.parametrize("epochs", [50, 100])
def test_the_published_rate_decays_by_the_epoch_to_the_last(epochs: int) -> None:
    expected = [(1 + math.cos(math.pi * (step // 3) / epochs)) / 2 for step in range(3 * epochs)]
    assert rates(f"sgd_cosine_{epochs}e", epochs, 3) == pytest.approx(expected)


def test_the_short_schedule_warms_up_an_epoch_and_decays_by_step() -> None:
    found = rates("adamw_cosine", 4, 10)
    assert found[0] == pytest.approx(0.1)
    assert found[:10] == pytest.approx([0.1 + 0.9 * step / 9 for step in range(10)])
    expected = [(1 + math.cos(math.pi * step / 30)) / 2 for step in range(30)]
    assert found[10:] == pytest.approx(expected, abs=1e-3)
