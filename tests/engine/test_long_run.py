"""A long training holds no more at its end than after its first steps."""

from pathlib import Path

import pytest
from mmengine import Config

from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.hooks.process_use import ProcessUse, ProcessUseHook, fit_growth
from perception_kd.engine.run.launch import build_runner, read_config
from tests.fake_data.nuscenes import make_nuscenes
from tools import create_data

ROOT = Path(__file__).parents[2]
SLIDR = ROOT / "configs/slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
NUM_STEPS, WARM_UP = 2000, 600
NUM_SAMPLES = 8
MAX_GROWTH_MB = 5.0  # per 1000 steps


def make_data(root: Path) -> None:
    """Write eight samples of a few points and pixels, and their superpixels."""
    make_nuscenes(root, 2, samples_per_scene=8, sweeps=0, img_size=(24, 40), num_azimuths=20)
    command = ["nuscenes", "--version", "v1.0-mini", "--root", str(root), "--workers", "0"]
    assert create_data.main(command) == 0
    info = str(root / "nuscenes_infos_train.pkl")
    command = ["superpixels", "--info", info, "--data-root", str(root), "--workers", "0"]
    command += ["--backend", "skimage", "--num-segments", "12", "--preview", "0"]
    assert create_data.main(command) == 0


def tiny_slidr(root: Path, work_dir: Path, num_steps: int) -> Config:
    """Return the config of a SLidR whose steps take milliseconds."""
    pipeline, model = "train_dataloader.dataset.pipeline", "model.pts_backbone"
    options = {
        f"{pipeline}.load_superpixels.cache": "superpixels/skimage_12",
        f"{pipeline}.load_superpixels.settings": None,
        f"{pipeline}.crop_images.size": (32, 32),
        f"{pipeline}.crop_images.min_pairs": 1,
        # Voxels without neighbors: most kernel offsets join nothing.
        "model.pts_voxelizer.voxel_size": (0.01, 0.1, 0.01),
        f"{model}.base_channels": 4,
        f"{model}.encoder_channels": (4, 4, 4, 4),
        f"{model}.decoder_channels": (4, 4, 4, 4),
        "model.pts_head.in_channels": 4,
        "model.pts_head.out_channels": 8,
        "model.img_head.out_channels": 8,
        "train_dataloader.batch_size": 1,
        "train_dataloader.num_workers": 1,
        "train_dataloader.persistent_workers": True,
        "train_cfg.max_epochs": num_steps // NUM_SAMPLES,
        "default_hooks.checkpoint.interval": num_steps // NUM_SAMPLES // 4,
        "default_hooks.logger.interval": 100,
        "val_dataloader": None,
        "val_evaluator": None,
        "val_cfg": None,
        "custom_hooks": [dict(type="ProcessUseHook", interval=25, warm_up=WARM_UP)],
        "experiment_name": str(work_dir),
    }
    cfg = read_config(SLIDR, options)
    set_data_folders(cfg, str(root), None)
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.mark.slow
def test_two_thousand_steps_hold_no_more(tmp_path: Path) -> None:
    make_data(tmp_path / "data")
    runner = build_runner(tiny_slidr(tmp_path / "data", tmp_path / "work", NUM_STEPS))
    runner.train()
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, ProcessUseHook))
    assert hook.uses[-1].step == runner.iter == NUM_STEPS
    assert fit_growth(hook.uses, WARM_UP) < MAX_GROWTH_MB
    settled = [use for use in hook.uses if use.step > WARM_UP]
    for name in ("open_files", "threads"):
        first, last = (getattr(use, name) for use in (settled[0], settled[-1]))
        assert last <= first, f"{name} grew from {first} to {last}"


def make_uses(memory_per_step: float) -> list[ProcessUse]:
    """Return measurements that grow steeply first, then evenly."""
    first = [ProcessUse(step, 500.0 * step, 10, 1) for step in range(1, 11)]
    return first + [ProcessUse(s, 100 + memory_per_step * s, 10, 1) for s in range(20, 60, 5)]


@pytest.mark.parametrize("memory_per_step", [0.0, 0.25])
def test_growth_is_that_after_the_warm_up(memory_per_step: float) -> None:
    growth = fit_growth(make_uses(memory_per_step), warm_up=10)
    assert growth == pytest.approx(1000 * memory_per_step, abs=1e-6)


def test_growth_needs_two_measurements() -> None:
    with pytest.raises(ValueError, match="Growth needs two measurements after 54 steps, but got 1"):
        fit_growth(make_uses(0.0), warm_up=54)
