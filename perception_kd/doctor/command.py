"""The command: which checks run, and how their findings are printed."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mmengine import Config

from perception_kd.doctor.caches import check_cache, open_caches
from perception_kd.doctor.data import Extent, check_maps, check_samples
from perception_kd.doctor.entries import without_broken_entries
from perception_kd.doctor.finding import Finding, Level, worst_level
from perception_kd.doctor.infos import (
    Info,
    check_splits,
    describe_info,
    list_info_sources,
    read_source,
)
from perception_kd.doctor.machine import (
    check_cores,
    check_disks,
    check_open_files,
    check_shared_memory,
)
from perception_kd.doctor.packages import check_cuda, check_packages, check_sparse_convolution
from perception_kd.doctor.pipeline import build_data_set, check_pipelines
from perception_kd.engine.config.overrides import set_data_folders, walk_settings
from perception_kd.engine.run.launch import read_config
from perception_kd.io.atomic import check_writable_file, write_json
from perception_kd.io.caches.cache import Cache
from perception_kd.utils.checks import check_at_least
from perception_kd.utils.cores import count_cores
from perception_kd.utils.log_levels import only_errors_logged
from perception_kd.version import __version__

if TYPE_CHECKING:
    from perception_kd.doctor.calibration import Calibrations
    from perception_kd.doctor.figures import SampleFigures

_COLORS = {Level.OK: "\033[32m", Level.WARNING: "\033[33m", Level.ERROR: "\033[31m"}
_RESET = "\033[0m"
_NUM_DRAWN = 2  # samples of each info file
_PAGE = "doctor.html"


def run(args: argparse.Namespace) -> bool:
    """Run all checks, print each finding, and write what the options ask for.

    Args:
        args: Parsed options of ``tools/doctor.py``.

    Returns:
        Whether there are errors.

    Raises:
        FileNotFoundError: If there is no such config.
        PermissionError: If a result cannot be written.
        ValueError: If an option is out of range.
    """
    check_at_least("--num", args.num, 1)
    check_at_least("--workers", args.workers, 0)
    page = check_writable_file("--report", args.report / _PAGE) if args.report else None
    if args.json:
        check_writable_file("--json", args.json)
    cfg = read_config(args.config) if args.config else None
    if cfg is not None and args.root:
        info_root = args.infos[0].parent if args.infos else args.root
        set_data_folders(cfg, str(args.root), str(info_root))

    # Imported here: only data sets need it.
    from perception_kd.doctor.calibration import Calibrations

    findings, calibrations = [], Calibrations(with_figures=page is not None)
    with only_errors_logged():
        for finding in run_checks(args, cfg, calibrations):
            findings.append(finding)
            sys.stdout.write(format_finding(finding, sys.stdout) + "\n")
            sys.stdout.flush()
    counts = Counter(finding.level.value for finding in findings)
    sys.stdout.write(", ".join(f"{counts[level.value]} {level.value}" for level in Level) + "\n")
    if page is not None:
        # Imported here: only the page needs the drawing packages.
        from perception_kd.doctor.page import write_page

        with only_errors_logged():
            write_page(page, findings, [*calibrations.figures, *_draw(args, cfg)])
        sys.stdout.write(f"{page}\n")
    if args.json:
        write_json(args.json, as_json(findings))
    return worst_level(findings) is Level.ERROR


def run_checks(
    args: argparse.Namespace, cfg: Config | None, calibrations: "Calibrations"
) -> Iterator[Finding]:
    """Yield the findings of all checks, as soon as they are known.

    Args:
        args: Parsed options.
        cfg: Config of the run, with the data folders of the options.
        calibrations: What judges the cameras of data sets.
    """
    yield from check_environment(cfg, args.infos)
    if args.root or args.infos or cfg is not None:
        yield from check_data_set(args, cfg, calibrations)
    if args.device:
        # Imported here: the other checks train nothing.
        from perception_kd.doctor.device import check_device

        yield from check_device(args, cfg)
    if args.checkpoint:
        # Imported here: without a checkpoint, nothing needs the networks.
        from perception_kd.doctor.checkpoint import check_checkpoint

        yield from check_checkpoint(args.checkpoint, cfg, _read_metainfo(cfg))


def check_data_set(
    args: argparse.Namespace, cfg: Config | None, calibrations: "Calibrations"
) -> Iterator[Finding]:
    """Yield findings on info files, samples, calibrations, caches, maps and pipelines.

    Args:
        args: Parsed options.
        cfg: Config of the run, with the data folders of the options.
        calibrations: What judges the cameras.
    """
    sources = list_info_sources(args.root, args.infos, cfg)
    if not sources:
        what = "There are no info files."
        remedy = "make them: python tools/create_data.py nuscenes --root DIR, or give --infos"
        yield Finding(Level.ERROR, "info file", what, str(args.root or args.config), remedy)
        return
    infos = []
    for source in sources:
        info = read_source(source)
        if isinstance(info, Info):
            infos.append(info)
        yield describe_info(info) if isinstance(info, Info) else info
    yield from check_splits(infos)
    caches, findings = open_caches(infos, cfg)
    yield from findings
    whole = [without_broken_entries(info) for info in infos]
    for cache in caches:
        of_cache = [info for info in whole if info.source.info_root in cache.folder.parents]
        yield from check_cache(cache, of_cache, _cameras_of(cfg))
    extent = Extent(None if args.full else args.num, args.workers)
    damaged: set[str] = set()
    for info in infos:
        yield from _note_places(check_samples(info, _caches_of(info, caches), extent), damaged)
    yield from calibrations.check(whole)
    yield from check_maps(whole)
    if cfg is not None:
        # A file is one finding, whoever reads it.
        found = check_pipelines(cfg, args.num)
        yield from (x for x in found if not any(place in x.what for place in damaged))


def _note_places(findings: Iterable[Finding], places: set[str]) -> Iterator[Finding]:
    """Yield findings, and add the files of errors to a set."""
    for finding in findings:
        for place in finding.places if finding.level is Level.ERROR else ():
            places |= {place, os.path.relpath(place)}
        yield finding


def _draw(args: argparse.Namespace, cfg: Config | None) -> "list[SampleFigures]":
    """Return the figures of samples of all info files that can be read."""
    from perception_kd.doctor.figures import draw_samples

    read = [read_source(source) for source in list_info_sources(args.root, args.infos, cfg)]
    infos = [info for info in read if isinstance(info, Info)]
    caches, _ = open_caches(infos, cfg)
    return [
        sample
        for info in infos
        for sample in draw_samples(info, _caches_of(info, caches), _NUM_DRAWN)
    ]


def _caches_of(info: Info, caches: list[Cache]) -> list[Cache]:
    return [cache for cache in caches if info.source.info_root in cache.folder.parents]


def _cameras_of(cfg: Config | None) -> list[str] | None:
    """Return the cameras that the data sets of a config read; None for all."""
    if cfg is None:
        return None
    loaders = [cfg.get(f"{split}_dataloader") for split in ("train", "val", "test")]
    datasets = [settings for settings in walk_settings(loaders) if "ann_file" in settings]
    chosen = [settings["cameras"] for settings in datasets if settings.get("cameras")]
    if not chosen or len(chosen) < len(datasets):
        return None
    return sorted({name for cameras in chosen for name in cameras})


def _read_metainfo(cfg: Config | None) -> dict[str, Any]:
    """Return what the test data of a config say about their classes."""
    if cfg is None or not cfg.get("test_dataloader"):
        return {}
    dataset = build_data_set(cfg, "test_dataloader")
    return {} if isinstance(dataset, Finding) else dict(getattr(dataset, "metainfo", {}))


def check_environment(cfg: Config | None, infos: list[Path] | None) -> Iterator[Finding]:
    """Yield findings on packages and on the machine.

    Args:
        cfg: Config of the run, whose workers and folders are checked.
        infos: Info files, beside which caches are written.
    """
    yield from check_packages()
    yield from check_sparse_convolution()
    yield from check_cuda()
    loader: dict[str, Any] = dict((cfg or {}).get("train_dataloader") or {})
    workers = int(loader.get("num_workers", 0))
    yield from check_cores(count_cores(), workers, os.environ.get("OMP_NUM_THREADS"))
    yield from check_shared_memory(workers)
    yield from check_open_files(workers)
    folders = {"work dir": Path(cfg.work_dir if cfg else "work_dirs").absolute()}
    if infos:
        folders["folder of caches"] = infos[0].absolute().parent
    yield from check_disks(folders)


def format_finding(finding: Finding, stream: TextIO) -> str:
    """Return a finding as one line, in color where it is shown on a terminal."""
    level = f"{finding.level.value:7}"
    if stream.isatty() and "NO_COLOR" not in os.environ:
        level = f"{_COLORS[finding.level]}{level}{_RESET}"
    return f"{level} {finding.area}: {finding}"


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return findings as the content of a JSON file."""
    counts = Counter(finding.level.value for finding in findings)
    return {
        "version": __version__,
        "level": worst_level(findings).value,
        "counts": {level.value: counts[level.value] for level in Level},
        "findings": [finding.as_dict() for finding in findings],
    }
