"""Settings of a training that fit the data and the machine, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine import Config

from perception_kd.api.pretraining.hardware import Hardware
from perception_kd.api.pretraining.preparation import Prepared
from perception_kd.engine.config.overrides import set_data_folders, set_data_set, walk_settings
from perception_kd.engine.run.launch import read_config
from perception_kd.utils.project_files import find_project_files

CONFIGS = find_project_files() / "configs"
STAGES = {"slidr": ("slidr",), "ppkt": ("ppkt",), "prc": ("prc",), "prc+rad": ("prc", "rad")}
NEED_CAMERAS = ("slidr", "ppkt", "rad")
HAVE_TEACHER = ("slidr", "ppkt")
_SMALL = {
    "slidr": "slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py",
    "ppkt": "ppkt/ppkt_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py",
    "prc": "calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
    "rad": "calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
}
_LARGE = {
    "slidr": "slidr/slidr_efflite0_minkunet34_1xb4-adamw-cosine-12e_nus.py",
    "ppkt": "ppkt/ppkt_efflite0_minkunet34_1xb4-adamw-cosine-12e_nus.py",
    "prc": "calico/prc_pillar02_8xb4-cyclic-20e_nus.py",
    "rad": "calico/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py",
}
# Samples per GPU, by the memory in GB that it has at least.
_BATCHES = ((70.0, 16), (38.0, 8), (20.0, 4), (0.0, 2))
_BYTES = 255.0  # the range of nuScenes' intensities, which configs are for
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


class Choice(NamedTuple):
    """A setting that was chosen.

    Attributes:
        name: What it is.
        value: What was chosen.
        reason: Why.
    """

    name: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.name}: {self.value} ({self.reason})"


def read_stage_config(stage: str, hardware: Hardware) -> Config:
    """Read the config that a training begins with.

    Args:
        stage: "slidr", "ppkt", "prc" or "rad".
        hardware: The machine: large networks on GPUs, small ones on a CPU.
    """
    return read_config(CONFIGS / (_LARGE if hardware.num_gpus else _SMALL)[stage])


def make_settings(
    stage: str, prepared: Prepared, hardware: Hardware, caches: dict[str, str]
) -> tuple[Config, list[Choice]]:
    """Choose the settings of a training, all but its length.

    Args:
        stage: "slidr", "ppkt", "prc" or "rad".
        prepared: The data.
        hardware: The machine.
        caches: Folder of each cache by its kind.

    Returns:
        The config, and what was chosen.
    """
    cfg = read_stage_config(stage, hardware)
    choices = [Choice("networks", Path(str(cfg.filename)).stem, f"for {hardware.describe()}")]
    set_data_folders(cfg, str(prepared.data_root), str(prepared.info_root))
    set_data_set(cfg, prepared.prefix)
    for each in walk_settings([cfg[loader].dataset for loader in _LOADERS]):
        if "scenes" in each:
            each["scenes"] = None
    choices += [_set_batch(cfg, prepared, hardware), _set_workers(cfg, hardware)]
    choices += _set_steps(cfg, prepared, caches)
    choices += _set_intensity(cfg, prepared)
    if hardware.num_gpus:
        choices += _set_for_gpu(cfg, stage)
    return cfg, choices


def apply_arguments(cfg: Config, arguments: Mapping[str, Any]) -> list[Choice]:
    """Set the seed and the teacher that were asked for, in place.

    Args:
        cfg: Config to change.
        arguments: ``seed``, and ``teacher`` as "module:callable" or empty.

    Returns:
        What was chosen.
    """
    cfg.randomness = dict(seed=arguments["seed"])
    for each in walk_settings(cfg.train_dataloader.dataset):
        if "ann_file" in each:
            each["seed"] = arguments["seed"]
    teacher = arguments["teacher"]
    if not teacher:
        return []
    cfg.model.img_backbone.backbone = dict(type="CallableTeacher", name=teacher)
    return [Choice("teacher", teacher, "as given")]


def samples_per_step(cfg: Config, hardware: Hardware) -> int:
    """Return the number of samples of a step of all processes."""
    return int(cfg.train_dataloader.batch_size) * max(1, hardware.num_gpus)


def _set_batch(cfg: Config, prepared: Prepared, hardware: Hardware) -> Choice:
    if hardware.num_gpus:
        size = next(size for least, size in _BATCHES if hardware.gpu_gb >= least)
        reason = f"{hardware.gpu_gb:.0f} GB per GPU"
    else:
        size, reason = int(cfg.train_dataloader.batch_size), "on a CPU"
    most = max(1, prepared.num_train // (4 * max(1, hardware.num_gpus)))
    if size > most:
        size, reason = most, f"{prepared.num_train} frames, four steps per epoch"
    for loader in _LOADERS:
        cfg[loader].batch_size = size
    return Choice("batch size", str(size), reason)


def _set_workers(cfg: Config, hardware: Hardware) -> Choice:
    number = min(8, max(1, (hardware.num_cpus - 1) // max(1, hardware.num_gpus)))
    if not hardware.num_gpus:
        number = min(2, number)
    for loader in _LOADERS:
        cfg[loader].update(num_workers=number, persistent_workers=True)
    return Choice("processes that load data", str(number), f"{hardware.num_cpus} cores")


def _set_steps(cfg: Config, prepared: Prepared, caches: dict[str, str]) -> list[Choice]:
    """Set earlier sweeps and caches in all pipelines."""
    sweeps = 0
    for step in walk_settings([cfg[loader].dataset.pipeline for loader in _LOADERS]):
        kind = step.get("type")
        if kind == "LoadPoints":
            sweeps = step["num_sweeps"] = min(int(step.get("num_sweeps", 0)), prepared.num_sweeps)
        elif kind == "LoadSuperpixels":
            step["cache"] = caches["superpixels"]
        elif kind == "LoadRegions":
            step.update(cache=caches["regions"], settings={})
    return [Choice("earlier sweeps", str(sweeps), f"frames have {prepared.num_sweeps}")]


def _set_intensity(cfg: Config, prepared: Prepared) -> list[Choice]:
    """Scale intensities of another range than nuScenes', where they are read raw."""
    voxelizer = cfg.model.pts_voxelizer
    columns = list(voxelizer.get("feature_columns", ()))
    if voxelizer.type != "PointVoxelizer" or 3 not in columns:
        return []
    greatest = prepared.greatest_intensity
    reach = 1.0 if greatest <= 1 else max(_BYTES, greatest)
    sizes = [3 if column == "offset" else 1 for column in columns]
    place = sum(sizes[: columns.index(3)])
    scales: Any = voxelizer.get("feature_scale", 1.0)
    scales = [scales] * sum(sizes) if isinstance(scales, float | int) else list(scales)
    scales[place] *= _BYTES / reach
    voxelizer.feature_scale = tuple(scales)
    return [Choice("factor on the intensity", f"{scales[place]:.4g}", f"up to {greatest:.4g}")]


def _set_for_gpu(cfg: Config, stage: str) -> list[Choice]:
    if stage in ("slidr", "ppkt"):
        cfg.optim_wrapper.type = "AmpOptimWrapper"
        cfg.optim_wrapper.loss_scale = "dynamic"
        return [Choice("precision", "mixed", "on a GPU")]
    # The published rates rise and fall over 20 epochs; this is their peak.
    cfg.optim_wrapper.optimizer.lr = 1e-3
    choices = [Choice("learning rate", "0.001 for 32 samples", "the peak of the published one")]
    backbone: dict[str, Any] = cfg.model.get("img_backbone") or {}
    weights = (backbone.get("init_cfg") or {}).get("checkpoint")
    if weights and not Path(weights).is_file():
        backbone["init_cfg"] = None
        choices.append(Choice("camera network", "random start", f"there is no {weights}"))
    return choices
