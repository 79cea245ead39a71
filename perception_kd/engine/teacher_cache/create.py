"""Run the teacher of a config once, and store its features."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader
from tqdm import tqdm

from perception_kd.datasets.stored_views import TEACHER
from perception_kd.engine.run.data_loading import WorkerInit
from perception_kd.engine.teacher_cache.cluster_jobs import CropRunner
from perception_kd.engine.teacher_cache.crop_sources import (
    CropSource,
    build_sources,
    merge_settings,
)
from perception_kd.engine.teacher_cache.crops import CropDataset, CropJob, list_jobs
from perception_kd.engine.teacher_cache.rows import make_entries
from perception_kd.engine.teacher_cache.size import check_room, estimate_size
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.caches.rows import RowCache, RowEntry
from perception_kd.io.lock import lock_folder
from perception_kd.io.workers import Workers, run_jobs
from perception_kd.models.backbones.teacher_identity import describe_teacher
from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.registry import MODELS


class TeacherOptions(NamedTuple):
    """Options of ``create_data.py teacher``.

    Attributes:
        command: Shell command that makes the cache again, for its manifest.
        device: Device of the teacher.
        workers: Processes that load and cut images, 0 = none; or a pool elsewhere,
            whose processes also run the teacher.
        max_gb: Largest size of the cache in GB (10^9 bytes).
        progress: Whether to show a progress bar.
    """

    command: str
    device: str = "cpu"
    workers: Workers = 2
    max_gb: float = 100.0
    progress: bool = True


def create_teacher_cache(cfg: Config, options: TeacherOptions) -> RowCache:
    """Make or complete the cache that the pipelines of a config read.

    Args:
        cfg: Config of a pre-training, as :func:`~.read_config` returns it.
        options: Options of the command.

    Returns:
        The cache, whole.

    Raises:
        ValueError: If the config reads no cache, is of another kind, the cache was made
            with other settings, or would be too large.
        BlockingIOError: If another process fills it.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    sources = build_sources(cfg)
    model = build_pretrainer(cfg).eval()
    if isinstance(options.workers, int):
        model.to(options.device)
    folder = make_writable_folder("the cache", sources[0].info_root / sources[0].step.cache)
    with lock_folder("the cache", folder):
        cache = open_for_writing(folder, model, sources, options.command)
        missing = [job for job in list_jobs(sources) if any(k not in cache for k in job.keys)]
        _check_size(cache, sources, missing, model, options.max_gb)
        with _closing(cache):
            made = _make_all(cfg, model, sources, missing, options)
            bar = tqdm(made, TEACHER, len(missing), disable=not options.progress)
            fill_rows(cache, bar)
    MMLogger.get_current_instance().info(f"{folder}: {len(cache)} views")
    return cache


def build_pretrainer(cfg: Config) -> Any:
    """Build the networks of a config, of which the teacher will run.

    Raises:
        ValueError: If they are not those of an image-to-LiDAR pre-training.
    """
    model: Any = MODELS.build(cfg.model)
    is_pretrainer = isinstance(model, ImageToLidarPretrainer)
    if not is_pretrainer:
        raise ValueError(
            f"{cfg.filename} has no teacher of images: it builds a {type(model).__name__}; give "
            "the config of an image-to-LiDAR pre-training."
        )
    return model


def open_for_writing(folder: Path, model: Any, sources: list[CropSource], command: str) -> RowCache:
    """Create a cache, or open one that has the same settings and drop torn entries.

    Args:
        folder: Folder of the cache.
        model: Pre-trainer with the teacher as ``img_backbone``.
        sources: Data sets and steps that cut their crops.
        command: Command line that is noted in the manifest.

    Raises:
        ValueError: If it was made with another teacher, other crops or another size.
    """
    teacher = describe_teacher(model.img_backbone)
    settings = {**merge_settings(sources), "teacher": teacher, "channels": teacher["channels"]}
    cache = None
    for source in sources:
        metainfo: Mapping[str, Any] = source.dataset.metainfo
        origin = {
            "dataset": metainfo.get("dataset"),
            "version": metainfo.get("version"),
            "info_file": str(source.info_root / source.ann_file),
            "made_with": f"torch {torch.__version__}",
            "command": command,
        }
        cache = RowCache.create(folder, TEACHER, settings, ".bin", origin)
    assert cache is not None
    cache.repair()
    return cache


def fill_rows(cache: RowCache, made: Iterable[list[tuple[str, RowEntry]]]) -> None:
    """Store the features of crops as they come; those of a view once.

    Args:
        cache: The cache.
        made: Key and entry of each view, crop by crop.
    """
    for entries in made:
        cache.append([(key, entry) for key, entry in entries if key not in cache])


def _make_all(
    cfg: Config,
    model: Any,
    sources: list[CropSource],
    jobs: list[CropJob],
    options: TeacherOptions,
) -> Iterator[list[tuple[str, RowEntry]]]:
    """Yield the features of each job, in their order, whatever the workers are."""
    if not isinstance(options.workers, int):
        run = CropRunner(cfg, model, options.device)
        for _, entries in run_jobs(run, jobs, options.workers, in_order=True):
            yield entries
        return
    loader = DataLoader(
        CropDataset(sources, jobs),
        batch_size=None,
        num_workers=options.workers,
        worker_init_fn=WorkerInit(None),
    )
    for cut in loader:
        yield [] if cut is None else make_entries(model, cut)


def _check_size(
    cache: RowCache, sources: list[CropSource], missing: list[CropJob], model: Any, max_gb: float
) -> None:
    size = estimate_size(
        sources,
        missing,
        int(cache.manifest["settings"]["channels"]),
        getattr(model.img_backbone, "stride", None),
    )
    MMLogger.get_current_instance().info(
        f"{cache.folder}: {len(cache):,} views are there; {size.num_views:,} to make, about "
        f"{size.rows_per_view:.0f} rows of {cache.manifest['settings']['channels']:,} numbers "
        f"each: {size.num_bytes / 1e9:,.2f} GB"
    )
    check_room(cache.folder, size, max_gb)


@contextmanager
def _closing(cache: RowCache) -> Iterator[None]:
    """Save the manifest, also after an error, and order the index of a whole cache."""
    try:
        yield
        cache.sort()
    finally:
        cache.save_manifest()
