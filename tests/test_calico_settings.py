"""CALICO's configs: the numbers that are public, and that no label is ever read."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from torch import nn

from perception_kd.checkpoints.folder import find_newest, list_checkpoints
from perception_kd.datasets.pipeline import list_steps
from perception_kd.io.caches.cache import Cache
from perception_kd.regions.settings import RegionSettings
from perception_kd.registry import MODELS, TRANSFORMS
from tests.fake_data.prepared import PreparedData, dicts_of
from tests.test_configs import CONFIGS, LOADERS, few_steps
from tools import train

FOLDER = CONFIGS / "calico"
PUBLISHED = sorted(FOLDER.glob("*_nus.py"))
PRC_SMOKE = FOLDER / "smoke" / "prc_pillar02_8xb4-cyclic-20e_nus.py"
RAD_SMOKE = FOLDER / "smoke" / "rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
REAL_DATA = os.environ.get("PERCEPTION_KD_REAL_DATA")


def load(stem: str) -> Config:
    cfg = Config.fromfile(FOLDER / f"{stem}_8xb4-cyclic-20e_nus.py")
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_all_are_trained_alike_and_without_labels(path: Path) -> None:
    cfg = Config.fromfile(path)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ("AdamW", 1e-4, 0.01)
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=35, norm_type=2)
    assert cfg.train_cfg.max_epochs == 20
    assert cfg.auto_scale_lr == dict(enable=True, base_batch_size=32)
    assert cfg.train_dataloader.batch_size == 4
    for loader in LOADERS:
        # The data set itself: no class-balanced sampling around it, no boxes in it.
        assert cfg[loader].dataset.type == "CameraLidarDataset"
        assert not cfg[loader].dataset.get("with_boxes", False)
        steps = [s["type"] for s in dicts_of(cfg[loader].dataset.pipeline) if "type" in s]
        assert not {"LoadBoxes", "LoadPointLabels", "LoadBEVMasks"} & set(steps)
        drawn = {"random_sweeps": True} if loader == "train_dataloader" else {}
        sweeps = dict(type="LoadPoints", num_sweeps=9, **drawn)
        assert cfg[loader].dataset.pipeline.load_points == sweeps


def find_sampling(cfg: Config) -> Any:
    """Build the transform that samples points, the last step before packing."""
    *_, name, _ = cfg.train_dataloader.dataset.pipeline
    assert name == "sample_points"
    return TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[name])


def test_the_views_of_prc() -> None:
    cfg = load("prc_pillar02")
    views = cfg.train_dataloader.dataset.pipeline.make_cloud_views
    rotate, scale, translate, flip = TRANSFORMS.build(views).transforms
    assert views.num_views == 2
    assert rotate.range_deg == (-90, 90)
    assert scale.scale_range == (0.9, 1.1)
    assert translate.std == 0.5
    assert (flip.p_x, flip.p_y) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("network", "channels"), [("pillar02", 384), ("voxel01", 256)], ids=["pillars", "voxels"]
)
def test_the_losses_and_the_network_of_prc(network: str, channels: int) -> None:
    cfg = load(f"prc_{network}")
    sampling = find_sampling(cfg)
    assert (sampling.num_region_points, sampling.num_background_points) == (1024, 1024)
    assert not sampling.region_balanced
    assert sampling.ego_half_width == 1.5
    model = MODELS.build(cfg.model)
    assert model.alpha == 0.5
    for loss, positives, same_region, normalize in (
        (model.loss_plrc, "region", True, False),
        (model.loss_rapc, "point", False, True),
    ):
        assert (loss.temperature, loss.symmetric, loss.scope) == (0.1, True, "scene")
        assert (loss.positives, loss.same_region_negatives) == (positives, same_region)
        assert (loss.region_normalize, loss.semantic_less_anchors) == (normalize, False)
    widths = [m.weight.shape for m in model.pts_projector.layers if isinstance(m, nn.Linear)]
    assert widths == [(128, channels), (64, 128)]
    assert model.grid.shape == (128, 128)


def test_rad_learns_from_prcs_network_by_the_published_weighting() -> None:
    cfg, teacher = load("rad_swint-lss_pillar02"), load("prc_pillar02")
    assert cfg.model.teacher_checkpoint == f"work_dirs/{Path(teacher.filename).stem}/epoch_20.pth"
    for part in [name for name in teacher.model if name.startswith("pts_")]:
        assert cfg.model[part] == teacher.model[part]
    cfg.model.img_backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    loss = model.loss_rad
    assert (loss.temperature, loss.positives, loss.scope) == (0.1, "point", "scene")
    assert not loss.same_region_negatives
    assert loss.region_normalize
    assert model.direction == "camera_to_lidar"
    assert model.view_transform.grid.shape == (256, 256)  # halved to 128 x 128
    assert model.img_projector.in_channels == model.view_transform.out_channels == 80


def test_the_baselines_have_their_published_losses() -> None:
    info_nce = dict(
        type="RegionContrastLoss",
        temperature=0.07,
        positives="point",
        same_region_negatives=True,
        region_normalize=False,
        semantic_less_anchors=True,
        symmetric=False,
        scope="batch",
    )
    cfg = load("point-contrast_pillar02")
    points = cfg.model
    sampling = find_sampling(cfg)
    assert (points.alpha, sampling.num_region_points, sampling.ego_half_width) == (0, 0, 1.5)
    assert sampling.num_background_points * cfg.train_dataloader.batch_size == 4096
    assert points.loss_rapc == info_nce
    cfg = load("simipu_swint-lss_pillar02")
    sampling, simipu = find_sampling(cfg), cfg.model
    assert simipu.loss_intra == simipu.loss_inter == info_nce
    assert (sampling.num_region_points, sampling.num_background_points) == (0, 2048)
    assert sampling.ego_half_width == 1.5
    cfg = load("bev-distill_swint-lss_pillar02")
    sampling, distill = find_sampling(cfg), cfg.model
    assert (sampling.num_region_points, sampling.num_background_points) == (1024, 0)
    assert sampling.ego_half_width == 0
    assert distill.dense_weight == 0.01
    assert distill.loss_relation == dict(**info_nce, loss_weight=0.2)
    for name in ("pts_projector", "pts_img_projector", "img_projector"):
        assert (simipu[name].hidden_channels, simipu[name].out_channels) == ((128, 128), 128)
        assert simipu[name].batch_norm
    for name in ("pts_relation_projector", "img_projector"):
        assert (distill[name].hidden_channels, distill[name].out_channels) == ((512,), 512)
        assert distill[name].batch_norm


@pytest.mark.parametrize(
    ("stem", "uses_regions"),
    [
        ("point-contrast_pillar02", False),
        ("simipu_swint-lss_pillar02", False),
        ("prc_pillar02", True),
        ("bev-distill_swint-lss_pillar02", True),
    ],
)
def test_baselines_without_regions_load_none(stem: str, uses_regions: bool) -> None:
    cfg = load(stem)
    for loader in LOADERS:
        steps = list_steps(cfg[loader].dataset.pipeline)
        assert ("LoadRegions" in [step["type"] for step in steps]) is uses_regions


@pytest.mark.parametrize("loader", LOADERS)
def test_regions_of_other_thresholds_are_refused_on_any_sensor(tmp_path: Path, loader: str) -> None:
    pipeline = load("prc_pillar02")[loader].dataset.pipeline
    settings = pipeline.load_regions
    thresholds = RegionSettings().as_dict()
    del thresholds["sensor_height"]
    assert TRANSFORMS.build(settings).settings == thresholds
    for name, regions in (
        ("high", RegionSettings(sensor_height=2.0)),
        ("wide", RegionSettings(eps=3.0)),
    ):
        Cache.create(tmp_path / name / settings.cache, "regions", regions.as_dict(), ".npz", {})
    load_regions = TRANSFORMS.build(settings)
    load_regions.open_cache({"info_root": tmp_path / "high"})
    with pytest.raises(ValueError, match=r"requested: eps is 3\.0, not 0\.75\. Choose"):
        load_regions.open_cache({"info_root": tmp_path / "wide"})


@pytest.mark.parametrize(
    ("pretraining", "detector"),
    [
        ("prc_pillar02", "det_pillar02"),
        ("prc_voxel01", "det_voxel01"),
        ("rad_swint-lss_pillar02", "det_swint-lss"),
        ("rad_swint-lss_pillar02", "det_swint-lss_pillar02"),
    ],
)
def test_detectors_take_over_all_that_was_learned(pretraining: str, detector: str) -> None:
    cfg = Config.fromfile(CONFIGS / "det" / f"{detector}_8xb4-cyclic-20e_nus.py")
    learned, wanted = (without_weights(c.model) for c in (load(pretraining), cfg))
    parts = {name.split(".")[0] for name in learned} & {name.split(".")[0] for name in wanted}
    shared = {name: shape for name, shape in wanted.items() if name.split(".")[0] in parts}
    assert len(shared) > 50
    assert all(learned[name] == shape for name, shape in shared.items())


def without_weights(model: Config) -> dict[str, torch.Size]:
    """Return the shapes of a model that starts from no file."""
    for settings in dicts_of(model):
        settings.pop("init_cfg", None)
    return {name: value.shape for name, value in MODELS.build(model).state_dict().items()}


def test_the_cyclic_schedule_rises_and_falls_as_mmcvs() -> None:
    cfg = Config.fromfile(CONFIGS / "_base_" / "schedules" / "adamw_cyclic_20e.py")
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=1e-4, betas=(0.9, 0.999))
    schedulers = [
        PARAM_SCHEDULERS.get(settings.pop("type")).build_iter_from_epoch(
            optimizer=optimizer,
            epoch_length=10,
            **{k: v for k, v in settings.items() if k != "convert_to_iter_based"},
        )
        for settings in cfg.param_scheduler
    ]
    rates, momenta = [], []
    for _ in range(200):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["betas"][0])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert (rates[0], momenta[0]) == pytest.approx((1e-4, 0.9))
    assert rates.index(max(rates)) == pytest.approx(80, abs=1)
    assert max(rates) == pytest.approx(1e-3, rel=0.01)
    assert min(momenta) == pytest.approx(0.9 * 0.85 / 0.95, rel=0.01)
    assert rates[-1] < 1e-6
    assert momenta[-1] == pytest.approx(0.9, rel=0.01)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA, reason="PERCEPTION_KD_REAL_DATA is not set")
def test_both_stages_train_on_real_keyframes(tmp_path: Path) -> None:
    command = ["nuscenes", "--version", "v1.0-mini", "--workers", "0"]
    real = PreparedData(Path(str(REAL_DATA)) / "nuscenes", tmp_path / "prepared", command)
    given: list[str] = []
    for twin in (PRC_SMOKE, RAD_SMOKE):
        folders = [*real.options_for(twin), "--work-dir", str(tmp_path / twin.stem)]
        assert train.main([str(twin), *folders, *few_steps(twin), *given]) == 0
        checkpoint = find_newest(list_checkpoints(tmp_path / twin.stem)).path
        given = [f"model.teacher_checkpoint={checkpoint}"]
