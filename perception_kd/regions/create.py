"""Info files to a cache of regions: ``tools/create_data.py regions``."""

import argparse
import os
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mmengine.logging import MMLogger

from perception_kd import __version__
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.filling import (
    add_filling_arguments,
    describe_failures,
    describe_source,
    say_how_to_go_on,
)
from perception_kd.io.info_file import read_info
from perception_kd.io.readers import read_points
from perception_kd.regions.codec import EXTENSION, KIND, load_region_ids
from perception_kd.regions.drawing import draw_regions, draw_statistics
from perception_kd.regions.filling import Sweep, create_regions, list_sweeps
from perception_kd.regions.settings import PRESETS, RegionSettings, get_preset
from perception_kd.regions.statistics import RegionStatistics, add_statistics, count_regions
from perception_kd.utils.checks import check_at_least

HELP = "regions of all sweeps of info files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py regions``."""
    add = parser.add_argument
    add("--info", nargs="+", required=True, help="info files whose sweeps to cut into regions")
    add("--data-root", required=True, help="folder of the data set")
    add("--out-dir", help="folder of the cache (default: regions/dbscan beside the info file)")
    help_preset = "settings to start from (default: those of the info file's data set)"
    add("--preset", choices=PRESETS, help=help_preset)
    values = ", ".join(f"{k}={v}" for k, v in RegionSettings().as_dict().items())
    help_settings = f"other settings, in m; nuScenes has {values}"
    add("--settings", nargs="+", default=[], metavar="NAME=VALUE", help=help_settings)
    add_filling_arguments(parser)
    help_preview = "draw N sweeps and the statistics into preview/ of the cache; 0 = nothing "
    help_preview += "(default: %(default)s)"
    add("--preview", type=int, default=4, metavar="N", help=help_preview)


def run(args: argparse.Namespace) -> None:
    """Fill a cache as the options say.

    Raises:
        FileNotFoundError: If an info file or the data set's folder is missing.
        PermissionError: If the cache's folder cannot be written to.
        BrokenFileError: At the end, if sweeps could not be read.
        ValueError: If an option is wrong, or the folder holds something else.
    """
    check_at_least("--workers", args.workers, 0)
    check_at_least("--preview", args.preview, 0)
    if not Path(args.data_root).is_dir():
        raise FileNotFoundError(f"No data set at {args.data_root}; give its folder as --data-root.")
    infos = {path: read_info(path) for path in args.info}
    preset = args.preset or infos[args.info[0]]["metainfo"]["dataset"]
    settings = get_preset(preset).with_values(args.settings)
    folder = Path(args.out_dir or Path(args.info[0]).parent / KIND / "dbscan").absolute()
    command = _make_command(args, preset, folder)
    sweeps: dict[str, Sweep] = {}
    for path, info in infos.items():
        sweeps |= {sweep.key: sweep for sweep in list_sweeps(info, args.data_root)}
        source = describe_source(path, info, f"perception_kd {__version__}", command)
        cache = Cache.create(
            make_writable_folder("--out-dir", folder), KIND, settings.as_dict(), EXTENSION, source
        )
    _fill(cache, settings, list(sweeps.values()), args, command)


def _fill(
    cache: Cache,
    settings: RegionSettings,
    sweeps: list[Sweep],
    args: argparse.Namespace,
    command: str,
) -> None:
    logger = MMLogger.get_current_instance()
    with say_how_to_go_on(command):
        created = create_regions(
            cache, settings, sweeps, workers=args.workers, resume=args.resume, verify=args.verify
        )
    logger.info("%s: %d sweeps made; %d kept", cache.folder, created.num_made, created.num_kept)
    readable = [sweep for sweep in sweeps if sweep.path not in created.failed]
    statistics = [*collect_statistics(cache, readable)]
    total = add_statistics("all", statistics)
    for part in [*statistics, total]:
        logger.info("%s", part.describe())
    for preview in write_previews(cache, readable, statistics, args.preview):
        logger.info("Preview: %s", preview)
    if created.failed:
        errors = list(created.failed.values())
        raise BrokenFileError(describe_failures(errors, len(sweeps), "sweeps", KIND, command))


def collect_statistics(cache: Cache, sweeps: list[Sweep]) -> Iterator[RegionStatistics]:
    """Yield the statistics of each scene, in the order of the scenes' names.

    Args:
        cache: Of regions, with an entry for each sweep.
        sweeps: Whose regions to count.

    Raises:
        BrokenFileError: If an entry is broken.
    """
    by_scene = sorted(sweeps, key=lambda sweep: sweep.scene)
    for scene, members in groupby(by_scene, key=lambda sweep: sweep.scene):
        loaded = (load_region_ids(cache, sweep.key, sweep.count_points()) for sweep in members)
        yield count_regions(scene, loaded)


def write_previews(
    cache: Cache, sweeps: list[Sweep], statistics: list[RegionStatistics], number: int
) -> list[Path]:
    """Draw sweeps, spread evenly, and the statistics into ``preview`` of a cache.

    Args:
        cache: Of regions, with an entry for each sweep.
        sweeps: To choose from.
        statistics: One a scene.
        number: Of sweeps to draw at most; with 0 nothing is drawn.

    Returns:
        The pictures.
    """
    number = min(number, len(sweeps))
    if not number:
        return []
    folder = cache.folder / "preview"
    folder.mkdir(exist_ok=True)
    paths = [folder / "statistics.png"]
    draw_statistics(statistics, paths[0])
    for i in range(number):
        sweep = sweeps[i * len(sweeps) // number]
        points = read_points(sweep.path, sweep.num_columns)
        paths.append(folder / f"{sweep.key}.png")
        region_ids = load_region_ids(cache, sweep.key, len(points))
        draw_regions(points, region_ids, paths[-1], f"{sweep.scene}, {sweep.key}")
    return paths


def _make_command(args: argparse.Namespace, preset: str, folder: Path) -> str:
    """Return the shell command that goes on with this cache."""
    command = ["python", "tools/create_data.py", KIND, "--info", *map(os.path.abspath, args.info)]
    command += ["--data-root", os.path.abspath(args.data_root), "--out-dir", str(folder)]
    command += ["--preset", preset.lower()]
    if args.settings:
        command += ["--settings", *args.settings]
    return shlex.join([*command, "--workers", str(args.workers)])
