"""The command ``tools/create_data.py joint_regions``."""

import argparse

from perception_kd.engine.commands.create_regions import (
    add_settings_arguments,
    list_region_options,
    read_region_settings,
)
from perception_kd.io.caches.command import CacheCommand
from perception_kd.io.caches.options import add_cache_arguments, read_infos
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.superpixels.command import (
    add_slic_arguments,
    list_slic_options,
    read_slic_settings,
)

_NAME = "joint_regions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py joint_regions``."""
    add_cache_arguments(parser, "images", "superpixels/joint_<N>", num_previews=0)
    add = parser.add_argument
    help_folder = "folder of the regions of points (default: regions/joint_<N>, there as well)"
    add("--regions-dir", help=help_folder)
    add_slic_arguments(parser)
    add_settings_arguments(parser)
    help_link = "points closer than this in m belong to one cluster (default: %(default)s)"
    add("--link-distance", type=float, default=JointSettings.link_distance, help=help_link)
    help_points = "pieces with fewer points are dropped (default: %(default)s)"
    add("--min-points", type=int, default=JointSettings.min_piece_points, help=help_points)


def run(args: argparse.Namespace) -> None:
    """Fill a cache of pieces of images, and one of pieces of sweeps.

    Raises:
        FileNotFoundError: If an info file or the folder of the data set is missing.
        PermissionError: If a folder of a cache cannot be written to.
        BrokenFileError: At the end, if files could not be read.
        ValueError: If an option is wrong, or a folder holds something else.
    """
    from perception_kd.regions.joint.create import PieceMaker, PointPieceMaker
    from perception_kd.regions.joint.sources import list_viewed_sweeps

    slic = read_slic_settings(args)
    infos = read_infos(args)
    lists = [
        list_viewed_sweeps(path, info, args.data_root, args.cameras) for path, info in infos.items()
    ]
    sweeps = list({sweep.key: sweep for sweeps in lists for sweep in sweeps}.values())
    ground = read_region_settings(args, infos, sweeps)
    settings = JointSettings(slic, ground, args.link_distance, args.min_points)
    images = list({image.key: image for sweep in sweeps for image in sweep.views}.values())
    options = [*list_slic_options(args), *list_region_options(args, infos)]
    options += ["--link-distance", str(settings.link_distance)]
    options += ["--min-points", str(settings.min_piece_points)]
    for maker, sources, folder in (
        (PieceMaker(settings), images, args.out_dir),
        (PointPieceMaker(settings), sweeps, args.regions_dir),
    ):
        where = folder or settings.default_folder(args.info[0], maker.kind)
        command = CacheCommand(args, maker, where, options, name=_NAME)
        cache, filled = command.fill(infos, sources)
        command.finish(cache, filled, sources)
