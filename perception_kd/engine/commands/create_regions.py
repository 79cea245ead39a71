"""The command ``tools/create_data.py regions``."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.datasets.catalog import DATA_SETS
from perception_kd.io.caches.command import CacheCommand
from perception_kd.io.caches.options import add_cache_arguments, read_infos
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.regions.settings import PATCHWORKPP, REGION_THRESHOLDS, RegionSettings

if TYPE_CHECKING:  # --help needs neither NumPy nor SciPy
    from perception_kd.io.caches.cache import Cache
    from perception_kd.io.listed_files import SweepFile
    from perception_kd.regions.statistics import RegionStatistics
    from perception_kd.structures import Points

# Height of the LiDAR in m by preset; None where it is measured. The points of Waymo are
# in vehicle coordinates, whose origin is on the ground.
LIDAR_HEIGHTS = {name: entry.lidar_height for name, entry in DATA_SETS.items()} | {"waymo": 0.0}
_NUM_MEASURED = 20  # sweeps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py regions``."""
    add_cache_arguments(parser, "sweeps", "regions/dbscan", num_previews=4)
    add_settings_arguments(parser)


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`read_region_settings` reads."""
    add = parser.add_argument
    help_preset = "settings to start from (default: those of the info file's data set)"
    add("--preset", choices=LIDAR_HEIGHTS, help=help_preset)
    help_thresholds = 'of clusters: "fine" finds smaller objects (default: %(default)s)'
    add("--thresholds", choices=REGION_THRESHOLDS, default="published", help=help_thresholds)
    values = ", ".join(f"{k}={v}" for k, v in RegionSettings().as_dict().items())
    help_settings = f"settings that differ from the preset, in m; those of nuScenes are {values}"
    add("--settings", nargs="+", default=[], metavar="NAME=VALUE", help=help_settings)


def run(args: argparse.Namespace) -> None:
    """Fill a cache of regions and log their statistics.

    Raises:
        FileNotFoundError: If an info file or the folder of the data set is missing.
        PermissionError: If the folder of the cache cannot be written to.
        BrokenFileError: At the end, if sweeps could not be read.
        ValueError: If an option is wrong, the folder holds something else, or no sweep
            has a region.
    """
    from perception_kd.io.listed_files import list_sweeps
    from perception_kd.regions.create import RegionMaker

    infos = read_infos(args)
    _start_settings(args, infos)  # refused first
    lists = [list_sweeps(path, info, args.data_root) for path, info in infos.items()]
    sweeps = list({sweep.key: sweep for sweeps in lists for sweep in sweeps}.values())
    settings = read_region_settings(args, infos, sweeps)
    folder = args.out_dir or Path(args.info[0]).parent / "regions" / "dbscan"
    command = CacheCommand(args, RegionMaker(settings), folder, list_region_options(args, infos))
    cache, filled = command.fill(infos, sweeps)
    readable = [sweep for sweep in sweeps if sweep.path not in filled.failed]
    total = _report_statistics(cache, readable, draw=args.preview > 0)
    command.finish(cache, filled, sweeps)
    if not len(total.sizes):
        raise ValueError(
            f"{cache.folder}: none of the {total.num_sweeps} sweeps has a region, so there is "
            "nothing to pre-train on; look at the ground and clusters with --preview, check the "
            "layout and unit of the sweeps, and fit --settings to the sensor."
        )


def make_preset(dataset: str) -> RegionSettings:
    """Return the settings of a data set, which differ in the height of the LiDAR.

    Args:
        dataset: Name as in the metainfo of an info file, in upper or lower case.

    Raises:
        ValueError: If there is no preset.
    """
    if dataset.lower() not in LIDAR_HEIGHTS:
        raise ValueError(f"preset must be one of {', '.join(LIDAR_HEIGHTS)}, but got {dataset!r}.")
    height = LIDAR_HEIGHTS[dataset.lower()]
    return RegionSettings() if height is None else RegionSettings(sensor_height=height)


def read_region_settings(
    args: argparse.Namespace,
    infos: Mapping[str, Mapping[str, Any]],
    sweeps: Sequence["SweepFile"],
) -> RegionSettings:
    """Return the settings of the options, fitted to the sensor.

    Args:
        args: Parsed options of :func:`add_settings_arguments`, and ``info``.
        infos: Content of each info file by its path.
        sweeps: Sweeps of the sensor.

    Raises:
        ValueError: If an option is wrong.
    """
    preset, settings = _name_preset(args, infos), _start_settings(args, infos)
    chosen = [text.partition("=")[0] for text in args.settings]
    return _fit_to_sensor(settings, sweeps, LIDAR_HEIGHTS[preset.lower()] is not None, chosen)


def list_region_options(
    args: argparse.Namespace, infos: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the options that give the same settings, as words of a command line."""
    options = ["--preset", _name_preset(args, infos).lower()]
    options += ["--thresholds", args.thresholds] if REGION_THRESHOLDS[args.thresholds] else []
    return [*options, "--settings", *args.settings] if args.settings else options


def _start_settings(
    args: argparse.Namespace, infos: Mapping[str, Mapping[str, Any]]
) -> RegionSettings:
    """Return the settings of the options, before the sensor is measured."""
    preset = make_preset(_name_preset(args, infos))
    settings = replace(preset, **REGION_THRESHOLDS[args.thresholds]).with_values(args.settings)
    if settings.ground_backend == PATCHWORKPP:
        from perception_kd.regions.patchwork import import_patchwork

        import_patchwork()
    return settings


def _name_preset(args: argparse.Namespace, infos: Mapping[str, Mapping[str, Any]]) -> str:
    return str(args.preset or infos[args.info[0]]["metainfo"]["dataset"])


def _fit_to_sensor(
    settings: RegionSettings, sweeps: Sequence["SweepFile"], published: bool, chosen: Sequence[str]
) -> RegionSettings:
    """Measure the ground below the sensor, log it, and adapt the settings."""
    from mmengine.logging import MMLogger

    from perception_kd.io.errors import BrokenFileError
    from perception_kd.regions.create import RegionMaker
    from perception_kd.regions.sensor_pose import fit_settings, measure_sensor_pose

    def read() -> Iterator["Points"]:
        maker = RegionMaker(settings)
        for sweep in sweeps[:: -(-len(sweeps) // _NUM_MEASURED)]:
            with suppress(FileNotFoundError, BrokenFileError):  # named later
                yield maker.read(sweep)

    pose = measure_sensor_pose(read())
    logger: MMLogger = MMLogger.get_current_instance()
    if pose is not None:
        logger.info(pose.describe())
    fitted, remark = fit_settings(settings, pose, published=published, chosen=chosen)
    if remark:
        logger.warning(remark)
    return fitted


def _report_statistics(
    cache: "Cache", sweeps: Sequence["SweepFile"], draw: bool
) -> "RegionStatistics":
    from mmengine.logging import MMLogger

    from perception_kd.regions.create import collect_statistics
    from perception_kd.regions.statistics import add_statistics

    statistics = list(collect_statistics(cache, sweeps))
    logger: MMLogger = MMLogger.get_current_instance()
    total = add_statistics("all", statistics)
    for part in [*statistics, total]:
        logger.info(part.describe())
    if draw and statistics:
        from perception_kd.regions.drawing import draw_statistics

        path = make_inner_folder(cache.folder, cache.folder / "preview") / "statistics.png"
        draw_statistics(statistics, path)
        logger.info(f"Preview: {path}")
    return total
