"""Samples of SLidR's pre-training, compared with those of its published code."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from nuscenes import NuScenes
from PIL import Image

from perception_kd.benchmarks.harness import BenchmarkSettings, Row, measure_peak_mb
from perception_kd.benchmarks.real_data import REAL_DATA
from perception_kd.benchmarks.slidr_item import SLIDR_CAMERAS, Item, load_item
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.fill import fill_cache
from perception_kd.io.info_file import read_info
from perception_kd.io.listed_files import list_images
from perception_kd.registry import DATASETS
from perception_kd.superpixels.codec import SUPERPIXELS, SUPERPIXELS_EXTENSION, load_superpixels
from perception_kd.superpixels.create import SuperpixelMaker
from perception_kd.superpixels.settings import SlicSettings
from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SYNTHETIC_VERSION, SyntheticSettings

SLIDR_CONFIG = "configs/slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
CACHE = "superpixels/fast_150"
INFOS = "nuscenes_infos_val.pkl"
# Where there are no real frames.
SYNTHETIC = SyntheticSettings(scenes=2, keyframes=2, sweeps=0, width=1600, height=900)


class LoadedFrames(NamedTuple):
    """Keyframes, ready for both implementations.

    Attributes:
        nusc: The devkit's tables.
        records: Records of the keyframes.
        maps: Folder of superpixels as plain PNG files.
        train: Our data set with the augmentations of training.
        plain: The same with whole images, resized.
    """

    nusc: Any
    records: list[dict[str, Any]]
    maps: Path
    train: Any
    plain: Any


def benchmark_loading(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare CPU seconds per sample of six cameras, in this process, one thread.

    LoadedFrames are those of ``nuscenes`` in the folder PERCEPTION_KD_REAL_DATA, else
    synthetic ones of the same size. Results are compared without augmentation: pairs
    must be the same, and ``max_abs_diff`` is that of images of values 0 to 255, which
    ours round after resizing.

    Args:
        settings: Repeats, of which the fastest counts; the device is a CPU.

    Yields:
        One row.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="loading_") as folder:
            yield compare_loading(prepare_frames(Path(folder)), settings)
    finally:
        torch.set_num_threads(threads)


def compare_loading(frames: LoadedFrames, settings: BenchmarkSettings) -> Row:
    """Load all keyframes by both implementations alternately.

    Raises:
        RuntimeError: If the pairs or the superpixels of a keyframe differ.
    """
    rng = np.random.default_rng(0)
    number = len(frames.records)

    def ours() -> Sequence[torch.Tensor]:
        for index in range(number):
            frames.train[index]
        return []

    def theirs() -> Sequence[torch.Tensor]:
        for record in frames.records:
            load_item(frames.nusc, record, frames.maps, rng)
        return []

    diff = max(
        compare_items(frames.plain[index], load_item(frames.nusc, record, frames.maps, None))
        for index, record in enumerate(frames.records)
    )
    seconds = [[_cpu_seconds(run) for run in (ours, theirs)] for _ in range(settings.repeats)]
    ours_s, reference_s = (min(column) / number for column in zip(*seconds, strict=True))
    return {
        "name": "loading",
        "reference": "SLidR's sample: whole decodes, float64, copies of the points, the devkit",
        "ours_s": ours_s,
        "reference_s": reference_s,
        "ratio": reference_s / ours_s,
        "ours_mb": measure_peak_mb(ours),
        "reference_mb": measure_peak_mb(theirs),
        "max_abs_diff": diff,
    }


def compare_items(packed: Any, item: Item) -> float:
    """Return the largest difference of images, after a check of pairs and maps.

    Raises:
        RuntimeError: If pairs or superpixels differ.
    """
    inputs = packed["inputs"]
    found = torch.column_stack((inputs["pairing_points"], inputs["pairing_images"])).numpy()
    expected = np.column_stack((item.pairing_points, item.pairing_images))
    # Positions differ in the last digits, and a few round to the next pixel.
    near = found.shape == expected.shape and np.abs(found - expected).max() <= 1
    if not near or (found != expected).any(axis=1).mean() > 1e-3:
        raise RuntimeError(f"The pairs differ: {found.shape} and {expected.shape}.")
    if not torch.equal(inputs["superpixels"].long(), item.superpixels):
        raise RuntimeError("The superpixels differ.")
    return float((inputs["imgs"] - 255 * item.imgs).abs().max())


def prepare_frames(folder: Path) -> LoadedFrames:
    """Convert the frames and make their superpixels, in both forms."""
    root = _find_root(folder)
    convert_nuscenes(root, SYNTHETIC_VERSION, folder, workers=0, progress=False)
    _make_maps(root, folder)
    nusc = NuScenes(SYNTHETIC_VERSION, str(root), verbose=False)
    cfg = Config.fromfile(Path(__file__).parents[2] / SLIDR_CONFIG)
    init_default_scope(cfg.default_scope)
    train, plain = (
        _build(cfg[f"{split}_dataloader"].dataset, root, folder) for split in ("train", "val")
    )
    records = [nusc.get("sample", info["sample_token"]) for info in _infos(train)]
    return LoadedFrames(nusc, records, folder / "png", train, plain)


def _find_root(folder: Path) -> Path:
    if REAL_DATA in os.environ:
        return Path(os.environ[REAL_DATA]) / "nuscenes"
    return create_synthetic(folder / "data", SYNTHETIC, workers=2, progress=False)


def _make_maps(root: Path, folder: Path) -> None:
    settings = SlicSettings()
    cache = Cache.create(folder / CACHE, SUPERPIXELS, settings.as_dict(), SUPERPIXELS_EXTENSION, {})
    info = read_info(folder / INFOS)
    images = list_images(folder / INFOS, info, root, SLIDR_CAMERAS)
    fill_cache(cache, SuperpixelMaker(settings), images, workers=2, progress=False)
    (folder / "png").mkdir()
    for image in images:
        assert image.size is not None
        ids = load_superpixels(cache, image.key, image.size)
        Image.fromarray(ids.astype(np.uint8)).save(folder / "png" / f"{image.key}.png")


def _build(settings: Any, root: Path, folder: Path) -> Any:
    settings.pipeline.load_superpixels.cache = CACHE
    changed = {"ann_file": INFOS, "scenes": None, "cameras": list(SLIDR_CAMERAS)}
    return DATASETS.build({**settings, **changed, "data_root": str(root), "info_root": str(folder)})


def _infos(dataset: Any) -> list[dict[str, Any]]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def _cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start
