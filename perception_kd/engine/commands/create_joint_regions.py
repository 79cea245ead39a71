"""The command ``tools/create_data.py joint_regions``."""

import argparse
import os

from perception_kd.engine.commands.create_regions import (
    add_settings_arguments,
    list_region_options,
    read_region_settings,
)
from perception_kd.io.caches.command import CacheCommand, show_resume_command
from perception_kd.io.caches.fill import Filling, fill_caches
from perception_kd.io.caches.options import add_cache_arguments, read_infos
from perception_kd.io.ray_cluster.options import read_workers
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
    """Fill a cache of pieces of images and one of pieces of sweeps, in one pass.

    Raises:
        FileNotFoundError: If an info file or the folder of the data set is missing.
        PermissionError: If a folder of a cache cannot be written to.
        BrokenFileError: At the end, if files could not be read.
        ValueError: If an option is wrong, or a folder holds something else.
    """
    from perception_kd.regions.joint.create import PieceMaker, PointPieceMaker
    from perception_kd.regions.joint.sources import list_viewed_sweeps, sweep_key
    from perception_kd.regions.joint.sweep_data import SweepReader

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
    reader = SweepReader(settings)
    of_images, of_sweeps = PieceMaker(reader), PointPieceMaker(reader)
    folders = [
        os.path.abspath(folder or settings.default_folder(args.info[0], maker.kind))
        for folder, maker in ((args.out_dir, of_images), (args.regions_dir, of_sweeps))
    ]
    options += ["--regions-dir", folders[1]]
    for_images = CacheCommand(args, of_images, folders[0], options, name=_NAME)
    for_sweeps = CacheCommand(
        args,
        of_sweeps,
        folders[1],
        (),
        line=for_images.line,
        folder_option="--regions-dir",
    )
    with (
        for_images.open(infos) as pieces,
        for_sweeps.open(infos) as regions,
        show_resume_command(for_images.line),
    ):
        filled = fill_caches(
            [Filling(pieces, of_images, images), Filling(regions, of_sweeps, sweeps)],
            workers=read_workers(args),
            resume=args.resume,
            verify=args.verify,
            group_of=sweep_key,
        )
    for_images.report(filled[0])
    for_sweeps.report(filled[1])
    for_images.finish(pieces, filled[0], images)
    for_sweeps.finish(regions, filled[1], sweeps)
