"""The command ``tools/create_data.py superpixels``."""

import argparse

from perception_kd.io.caches.command import CacheCommand
from perception_kd.io.caches.options import add_cache_arguments, read_infos
from perception_kd.superpixels.backends import BACKENDS
from perception_kd.superpixels.settings import SlicSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py superpixels``."""
    add_cache_arguments(parser, "images", "superpixels/<backend>_<N>", num_previews=0)
    add_slic_arguments(parser)


def add_slic_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`read_slic_settings` reads, and ``--cameras``."""
    add = parser.add_argument
    help_backend = f"{', '.join(BACKENDS)} or your own module:function (default: %(default)s)"
    add("--backend", default=SlicSettings.backend, help=help_backend)
    help_number = "number of segments to aim at per image (default: %(default)s)"
    add("--num-segments", type=int, default=SlicSettings.num_segments, help=help_number)
    help_compactness = "weight of spatial against color distance (default: %(default)s)"
    add("--compactness", type=float, default=SlicSettings.compactness, help=help_compactness)
    help_sigma = "width of the Gaussian that smooths first, in px (default: %(default)s)"
    add("--sigma", type=float, default=SlicSettings.sigma, help=help_sigma)
    add("--cameras", nargs="+", help="cameras to use (default: all)")


def run(args: argparse.Namespace) -> None:
    """Fill a cache of superpixels.

    Raises:
        FileNotFoundError: If an info file or the folder of the data set is missing.
        PermissionError: If the folder of the cache cannot be written to.
        BrokenFileError: At the end, if images could not be read.
        ValueError: If an option is wrong, or the folder holds something else.
    """
    from perception_kd.io.listed_files import list_images
    from perception_kd.superpixels.create import SuperpixelMaker

    settings = read_slic_settings(args)
    infos = read_infos(args)
    lists = [list_images(path, info, args.data_root, args.cameras) for path, info in infos.items()]
    images = list({image.key: image for images in lists for image in images}.values())
    folder = args.out_dir or settings.default_folder(args.info[0])
    command = CacheCommand(args, SuperpixelMaker(settings), folder, list_slic_options(args))
    cache, filled = command.fill(infos, images)
    command.finish(cache, filled, images)


def read_slic_settings(args: argparse.Namespace) -> SlicSettings:
    """Return the settings of the options of :func:`add_slic_arguments`.

    Raises:
        ValueError: If an option is wrong.
    """
    return SlicSettings(args.backend, args.num_segments, args.compactness, args.sigma)


def list_slic_options(args: argparse.Namespace) -> list[str]:
    """Return the options that give the same images and settings, as words."""
    options = []
    for name, value in read_slic_settings(args).as_dict().items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    return [*options, "--cameras", *args.cameras] if args.cameras else options
