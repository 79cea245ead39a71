"""Names of configs are true: each token is compared with what the config builds."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.pipeline import list_steps
from perception_kd.datasets.scene_lists import read_scene_list
from perception_kd.registry import MODELS
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


def arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a part is built with, its defaults included."""
    parameters = inspect.signature(MODELS.get(settings["type"])).parameters
    return {key: p.default for key, p in parameters.items()} | dict(settings)


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


def describe_camera_network(model: dict[str, Any]) -> str | None:
    """Return the token of a camera network."""
    if "img_backbone" not in model:
        return None
    backbone = arguments(model["img_backbone"].get("backbone", model["img_backbone"]))
    kind = backbone["type"].split(".")[-1]
    if kind == "EfficientNetLite":
        return "efflite0"
    if kind == "DilatedResNet":
        return f"r{backbone['depth']}" + "-mocov2" * ("moco_v2" in str(backbone["checkpoint"]))
    lift = {"LSSViewTransform": "lss", "DepthLSSViewTransform": "depthlss"}
    lift_splat = lift[model["view_transform"]["type"]]
    if kind == "ResNet":
        return f"r{backbone['depth']}-{lift_splat}" + "-small" * (backbone["base_channels"] < 64)
    assert kind == "SwinTransformer"
    sizes = (backbone["embed_dims"], tuple(backbone["depths"]))
    return {(96, (2, 2, 6, 2)): "swint"}[sizes] + f"-{lift_splat}"


# Stem, encoder channels, encoder blocks, and voxels as SLidR's 0.1 m, 1 degree, 0.1 m.
_ENCODERS: dict[tuple[Any, ...], str] = {
    (32, (32, 64, 128, 256), (2, 3, 4, 6), (0.1, 1.0, 0.1), "cylindrical"): "minkunet34",
    (16, (16, 32, 64, 128), (1, 1, 1, 1), (0.15, 0.15, 0.15), "cartesian"): "minkunet-small",
}


def describe_minkunet(voxelizer: dict[str, Any], backbone: dict[str, Any]) -> Any:
    """Return the token of a MinkUNet, or its sizes if no token is true of them."""
    built, read = arguments(backbone), arguments(voxelizer)
    sizes = (
        built["base_channels"],
        tuple(built["encoder_channels"]),
        tuple(built["encoder_blocks"]),
        tuple(read["voxel_size"]),
        read["coordinates"],
    )
    return _ENCODERS.get(sizes, sizes)


def describe_lidar_network(model: dict[str, Any]) -> str | None:
    """Return the token of a LiDAR network."""
    if "pts_voxelizer" not in model:
        return None
    voxelizer = model["pts_voxelizer"]
    if model.get("pts_backbone", {}).get("type") == "MinkUNet":
        return describe_minkunet(voxelizer, model["pts_backbone"])
    if voxelizer["type"] == "PointVoxelizer":
        assert model["pts_middle_encoder"]["type"] == "SparseEncoder"
        return "voxelnet"
    width, length, height = voxelizer["voxel_size"]
    bottom, top = voxelizer["point_cloud_range"][2::3]
    assert width == length
    size = str(width).replace(".", "")
    if height < top - bottom:
        assert model["pts_middle_encoder"]["type"] == "SparseEncoder"
        return f"voxel{size}"
    assert model["pts_middle_encoder"]["type"] == "PointPillarsScatter"
    return f"pillar{size}" + "-small" * (sum(model["pts_backbone"]["layer_nums"]) < 13)


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


@pytest.mark.parametrize("size", ["minkunet34", "minkunet-small"])
@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("pts_backbone", {"base_channels": 24}),
        ("pts_backbone", {"encoder_channels": (16, 32, 64, 192)}),
        ("pts_backbone", {"encoder_blocks": (2, 2, 2, 2)}),
        ("pts_voxelizer", {"voxel_size": (0.2, 0.2, 0.2)}),
        ("pts_voxelizer", {"voxel_size": (0.1, 1.0, 0.1), "coordinates": "cartesian"}),
    ],
)
def test_a_minkunet_of_another_size_is_found(size: str, part: str, change: Any) -> None:
    (path, *_) = [path for path in NAMED if f"_{size}_" in path.stem]
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    cfg.model[part].update(change)
    assert set(find_false_tokens(path.stem, cfg)) == {"pts"}


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


@pytest.mark.parametrize("path", SMOKE, ids=name)
def test_a_smoke_test_is_of_its_first_base(path: Path) -> None:
    parent = bases_of(path)[0]
    assert parent == path.parent.parent / path.name
    assert Config.fromfile(path).model.type == Config.fromfile(parent).model.type


def test_every_network_on_nuscenes_is_trained_in_a_test() -> None:
    trained = [*SMOKE, *(path for path in NAMED if "_synthetic" in path.stem)]
    covered = set().union(*(ancestors_of(path) for path in trained))
    for path in NAMED:
        if "_nus" in path.stem and "lidarseg" not in path.parts:
            assert ancestors_of(path) & covered, path.name
