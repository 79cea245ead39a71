"""Names of configs are true: each token is compared with what the config builds."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.pipeline import list_steps
from perception_kd.datasets.scene_lists import read_scene_list
from tests.config_networks import (
    CAMERA_NETWORKS,
    LIDAR_NETWORKS,
    arguments,
    describe_network,
)
from tests.test_configs import CONFIGS, LEAVES, SMOKE, name

NAMED = [path for path in LEAVES if path not in SMOKE]
FORMULA = re.compile(
    r"(?P<task>[a-z-]+)(?:_(?P<img>(?:r\d+|swint|efflite0)[a-z0-9-]*))?"
    r"(?:_(?P<pts>(?:pillar|voxel|minkunet)[a-z0-9-]*))?"
    r"_(?P<processes>\d+)xb(?P<batch>\d+)-(?P<schedule>[a-z-]+)-(?P<epochs>\d+)e"
    r"_(?P<data>nus|kitti|synthetic)(?:-(?P<share>\d+pct|1of\d+))?"
)
MODEL_OF_TASK = {
    "slidr": "SuperpixelDistillation",
    "ppkt": "PixelDistillation",
    "prc": "PointRegionContrast",
    "point-contrast": "PointRegionContrast",
    "rad": "RegionDistillation",
    "bev-distill": "BEVDistillation",
    "simipu": "CameraLidarContrast",
    "det": "BEVDetector",
    "lidarseg": "PointSegmentor",
    "mapseg": "BEVMapSegmentor",
}


def describe_recipe(cfg: Config) -> str:
    """Return what differs from SLidR and PPKT: head, loss, regions."""
    tokens = ["mlp"] if cfg.model.pts_head.get("hidden_channels") else []
    if cfg.model.loss_contrast.type == "CosineDistanceLoss":
        tokens.append(arguments(cfg.model.loss_contrast)["form"])
    weights = cfg.model.get("pair_weights")
    if weights is not None:
        tokens.append({"SemanticTolerance": "tolerant", "OtherPlaces": "places"}[weights.type])
    steps = list_steps(training_set(cfg).pipeline)
    kinds = {step.get("type") for step in steps}
    tokens += ["patches"] if "MakePatches" in kinds else []
    tokens += ["joint"] if any("/joint_" in step.get("cache", "") for step in steps) else []
    tokens += ["cached"] if "StoredCrops" in kinds else []
    return "".join(f"-{token}" for token in tokens)


def describe_task(cfg: Config) -> set[str]:
    """Return the names of method or task that are true of a config."""
    names = {task for task, kind in MODEL_OF_TASK.items() if kind == cfg.model.type}
    if names & {"slidr", "ppkt"}:
        return {task + describe_recipe(cfg) for task in names}
    if cfg.model.get("alpha") is not None:
        names = {"point-contrast" if cfg.model.alpha == 0 else "prc"}
    if cfg.model.get("freeze_backbone") or cfg.model.get("freeze_sensors"):
        return {f"{task}-probe" for task in names}
    if cfg.model.type != "PointSegmentor":
        return names
    suffix = "scratch" if cfg.load_pretrained_from is None else "finetune"
    return {f"{task}-{suffix}" for task in names}


def describe_camera_network(model: dict[str, Any]) -> Any:
    """Return the token of a camera network, or how it differs from the nearest one."""
    return describe_network(model, CAMERA_NETWORKS) if "img_backbone" in model else None


def describe_lidar_network(model: dict[str, Any]) -> Any:
    """Return the token of a LiDAR network, or how it differs from the nearest one."""
    return describe_network(model, LIDAR_NETWORKS) if "pts_voxelizer" in model else None


def describe_schedule(cfg: Config) -> str:
    """Return optimizer and decay; "cyclic" is AdamW whose momentum cycles as well."""
    kinds = {scheduler["type"] for scheduler in cfg.param_scheduler}
    optimizer = cfg.optim_wrapper.optimizer.type.lower()
    if "CosineAnnealingMomentum" in kinds:
        return {"adamw": "cyclic"}[optimizer]
    return f"{optimizer}-{'cosine' if 'CosineAnnealingLR' in kinds else kinds}"


def training_set(cfg: Config) -> Config:
    """Return the settings of the data set that is trained on."""
    dataset = cfg.train_dataloader.dataset
    return dataset.get("dataset", dataset)


def describe_data(cfg: Config) -> str:
    """Return the token of the data set."""
    dataset = training_set(cfg)
    folder = Path(dataset.data_root).name
    assert dataset.ann_file.startswith("semantickitti" if folder == "semantickitti" else "nuscenes")
    return {"nuscenes": "nus", "semantickitti": "kitti", "synthetic": "synthetic"}[folder]


def describe_share(cfg: Config) -> str | None:
    """Return the share of the labels: percent of the scenes, or 1 of N samples."""
    dataset = training_set(cfg)
    scenes, step = dataset.get("scenes"), dataset.get("sample_step", 1)
    if scenes is not None and scenes != "parametrize_train":
        assert step == 1
        return f"{len(read_scene_list(scenes)) / 700:.0%}".replace("%", "pct")
    return f"1of{step}" if step > 1 else None


CHECKS: dict[str, Callable[[Config], Any]] = {
    "img": lambda cfg: describe_camera_network(cfg.model),
    "pts": lambda cfg: describe_lidar_network(cfg.model),
    "batch": lambda cfg: str(cfg.train_dataloader.batch_size),
    "schedule": describe_schedule,
    "epochs": lambda cfg: str(cfg.train_cfg.max_epochs),
    "data": describe_data,
    "share": describe_share,
}


def find_false_tokens(stem: str, cfg: Config) -> dict[str, Any]:
    """Return the tokens of a name that are not true of a config, and what is."""
    match = FORMULA.fullmatch(stem)
    assert match, f"{stem} does not follow the formula in configs/README.md"
    false = {key: find(cfg) for key, find in CHECKS.items() if match[key] != find(cfg)}
    if match["task"] not in describe_task(cfg):
        false["task"] = describe_task(cfg)
    processes = cfg.auto_scale_lr.base_batch_size / cfg.train_dataloader.batch_size
    if int(match["processes"]) != processes:
        false["processes"] = processes
    return false


@pytest.mark.parametrize("path", NAMED, ids=name)
def test_the_name_of_a_config_is_true(path: Path) -> None:
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert find_false_tokens(path.stem, cfg) == {}


@pytest.mark.parametrize(
    ("token", "other", "key"),
    [
        ("slidr", "ppkt", "task"),
        ("r50-mocov2", "r18-mocov2", "img"),
        ("minkunet34", "minkunet-small", "pts"),
        ("1xb4", "4xb4", "processes"),
        ("xb4", "xb2", "batch"),
        ("sgd", "adamw", "schedule"),
        ("50e", "20e", "epochs"),
        ("nus", "kitti", "data"),
        ("_nus", "_nus-10pct", "share"),
    ],
)
def test_a_false_token_is_found(token: str, other: str, key: str) -> None:
    path = CONFIGS / "slidr" / "slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert key in find_false_tokens(path.stem.replace(token, other, 1), cfg)


@pytest.mark.parametrize(
    ("old", "false"),
    [
        ("det_pillar04_1xb2-adamw-cosine-10e_synthetic", {"pts": "pillar04-small"}),
        ("det_pillar02-small_1xb2-adamw-cosine-10e_synthetic", {"pts": "pillar04-small"}),
        ("det_pillar04-small_1xb2-adamw-cosine-10e_synthetic-1of10", {"share": None}),
        ("det-probe_pillar04-small_1xb2-adamw-cosine-10e_synthetic", {"task": {"det"}}),
    ],
)
def test_a_size_that_is_not_built_is_found(old: str, false: dict[str, Any]) -> None:
    cfg = Config.fromfile(CONFIGS / "det" / "det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py")
    init_default_scope(cfg.default_scope)
    assert find_false_tokens(old, cfg) == false


def compared_sizes() -> list[Any]:
    """Return each token with each part and argument that it stands for."""
    return [
        pytest.param(token, part, key, id=f"{token}-{part}-{key}")
        for token, sizes in dict([*CAMERA_NETWORKS, *LIDAR_NETWORKS]).items()
        for part, values in sizes.items()
        for key in values or {}
        if key != "type"
    ]


def read_named(token: str) -> tuple[str, Config]:
    """Return the first config with a network, and its name."""
    path = next(path for path in NAMED if f"_{token}_" in path.stem)
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    return path.stem, cfg


@pytest.mark.parametrize(("token", "part", "key"), compared_sizes())
def test_any_other_size_of_a_network_is_found(token: str, part: str, key: str) -> None:
    stem, cfg = read_named(token)
    assert find_false_tokens(stem, cfg) == {}
    settings = cfg.model[part].get("backbone", cfg.model[part])
    settings[key] = "other"
    false = find_false_tokens(stem, cfg)
    assert set(false) == {"pts" if part.startswith("pts_") else "img"}


@pytest.mark.parametrize(
    ("token", "part", "change"),
    [
        ("pillar02", "pts_backbone", {"out_channels": [32, 64, 128]}),
        ("pillar02", "pts_voxel_encoder", {"feat_channels": [32]}),
        ("minkunet34", "pts_backbone", {"decoder_blocks": (1, 1, 1, 1)}),
        ("minkunet-small", "pts_voxelizer", {"coordinates": "cylindrical"}),
        ("voxel01", "pts_middle_encoder", {"encoder_channels": ((16,), (32,), (64,), (64,))}),
        ("voxelnet", "pts_middle_encoder", {"base_channels": 8}),
        ("swint-lss", "img_backbone", {"num_heads": [4, 8, 16, 32]}),
        ("swint-lss", "view_transform", {"out_channels": 40}),
        ("r50-lss", "img_backbone", {"num_stages": 3}),
        ("r18-lss-small", "img_backbone", {"base_channels": 16}),
    ],
)
def test_a_difference_to_the_known_size_is_named(token: str, part: str, change: Any) -> None:
    stem, cfg = read_named(token)
    cfg.model[part].update(change)
    ((nearest, difference),) = find_false_tokens(stem, cfg).values()
    assert nearest == token
    assert set(difference) == {f"{part}.{key}" for key in change}


def bases_of(path: Path) -> list[Path]:
    """Return the files that a config lists in ``_base_``."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
            return [(path.parent / base).resolve() for base in ast.literal_eval(node.value)]
    return []


def ancestors_of(path: Path) -> set[Path]:
    """Return a config and the configs that it is derived from."""
    found = {path}
    for base in bases_of(path):
        if "_base_" not in base.parts:
            found |= ancestors_of(base)
    return found


def types_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the names and types of all parts of a model, parts of parts included.

    Smoke tests begin without pre-trained weights, so ``init_cfg`` is left out.
    """
    inner = {key: part for key, part in settings.items() if isinstance(part, dict)}
    inner.pop("init_cfg", None)
    return {key: types_of(part) for key, part in inner.items()} | {"type": settings.get("type")}


@pytest.mark.parametrize("path", SMOKE, ids=name)
def test_a_smoke_test_is_of_its_first_base(path: Path) -> None:
    parent = bases_of(path)[0]
    assert parent == path.parent.parent / path.name
    built, full = (types_of(Config.fromfile(file).model) for file in (path, parent))
    assert built == full


def test_another_type_of_an_inner_part_is_found() -> None:
    stem = "slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus"
    model = Config.fromfile(CONFIGS / "slidr" / f"{stem}.py").model
    full = types_of(model)
    model.img_backbone.backbone.type = "EfficientNetLite"
    assert types_of(model) != full


def test_every_network_on_nuscenes_is_trained_in_a_test() -> None:
    trained = [*SMOKE, *(path for path in NAMED if "_synthetic" in path.stem)]
    covered = set().union(*(ancestors_of(path) for path in trained))
    for path in NAMED:
        if "_nus" in path.stem and "lidarseg" not in path.parts:
            assert ancestors_of(path) & covered, path.name
