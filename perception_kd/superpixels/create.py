"""Info files to a cache of superpixels: ``tools/create_data.py superpixels``."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.logging import MMLogger

from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.filling import (
    add_filling_arguments,
    describe_failures,
    describe_source,
    say_how_to_go_on,
)
from perception_kd.io.info_file import read_info, resolve_path
from perception_kd.io.readers import decode_image, read_bytes
from perception_kd.superpixels.backends import BACKENDS, describe_backend
from perception_kd.superpixels.codec import EXTENSION, KIND, load_superpixels
from perception_kd.superpixels.drawing import draw_borders
from perception_kd.superpixels.filling import (
    SlicSettings,
    create_superpixels,
    get_size,
)
from perception_kd.utils.checks import check_at_least

HELP = "superpixels of all images of info files"


def list_images(
    info: dict[str, Any], data_root: str | Path, cameras: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the path of each image of an info file by the key of its superpixels.

    Args:
        info: Content of the info file.
        data_root: Folder of the data set.
        cameras: Only these; None means all.

    Raises:
        ValueError: If a camera is in no sample.
    """
    images = {}
    seen = set()
    for sample in info["data_list"]:
        seen |= sample["images"].keys()
        for name, view in sample["images"].items():
            if cameras is None or name in cameras:
                path = resolve_path(info["metainfo"], name, view["img_path"])
                images[view["sample_data_token"]] = os.path.join(data_root, path)
    unknown = set(cameras or ()) - seen
    if unknown:
        raise ValueError(f"cameras must be among {sorted(seen)}, but got {sorted(unknown)}.")
    return images


def write_previews(cache: Cache, images: dict[str, str], number: int) -> list[Path]:
    """Draw borders on images, spread evenly, into the folder ``preview`` of a cache."""
    entries = cache.keys()
    keys = [key for key in images if key in entries]
    number = min(number, len(keys))
    folder = cache.folder / "preview"
    if number:
        folder.mkdir(exist_ok=True)
    paths = []
    for i in range(number):
        key = keys[i * len(keys) // number]
        image = decode_image(read_bytes(images[key], "image"), images[key])
        superpixels = load_superpixels(cache, key, get_size(image))
        paths.append(folder / f"{key}{EXTENSION}")
        cv2.imwrite(str(paths[-1]), draw_borders(image, superpixels)[..., ::-1])
    return paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py superpixels``."""
    default = SlicSettings()
    add = parser.add_argument
    add("--info", nargs="+", required=True, help="info files whose images to segment")
    add("--data-root", required=True, help="folder of the data set")
    help_out = "folder of the cache (default: superpixels/<backend>_<N> beside the info file)"
    add("--out-dir", help=help_out)
    help_backend = f"{', '.join(BACKENDS)} or your own module:function (default: %(default)s)"
    add("--backend", default=default.backend, help=help_backend)
    help_number = "segments to aim at in an image (default: %(default)s)"
    add("--num-segments", type=int, default=default.num_segments, help=help_number)
    help_compactness = "nearness against likeness of color (default: %(default)s)"
    add("--compactness", type=float, default=default.compactness, help=help_compactness)
    help_sigma = "smoothing before, in px (default: %(default)s)"
    add("--sigma", type=float, default=default.sigma, help=help_sigma)
    add("--cameras", nargs="+", help="only these cameras (default: all)")
    add_filling_arguments(parser)
    help_preview = "also draw the borders on N images, into preview/ of the cache"
    add("--preview", type=int, default=0, metavar="N", help=help_preview)


def run(args: argparse.Namespace) -> None:
    """Fill a cache as the options say.

    Raises:
        FileNotFoundError: If an info file or the data set's folder is missing.
        PermissionError: If the cache's folder cannot be written to.
        BrokenFileError: At the end, if images could not be read.
        ValueError: If an option is wrong, or the folder holds something else.
    """
    check_at_least("--workers", args.workers, 0)
    check_at_least("--preview", args.preview, 0)
    settings = SlicSettings(args.backend, args.num_segments, args.compactness, args.sigma)
    if not Path(args.data_root).is_dir():
        raise FileNotFoundError(f"No data set at {args.data_root}; give its folder as --data-root.")
    folder = Path(args.out_dir or settings.default_folder(args.info[0])).absolute()
    command = _make_command(args, settings, folder)
    images: dict[str, str] = {}
    logger = MMLogger.get_current_instance()
    for path in args.info:
        info = read_info(path)
        images |= list_images(info, args.data_root, args.cameras)
        source = describe_source(path, info, describe_backend(args.backend), command)
        cache = Cache.create(
            make_writable_folder("--out-dir", folder), KIND, settings.as_dict(), EXTENSION, source
        )
    with say_how_to_go_on(command):
        created = create_superpixels(
            cache, settings, images, workers=args.workers, resume=args.resume, verify=args.verify
        )
    logger.info(
        "%s: %d images segmented, %.1f segments each; %d kept",
        folder,
        created.num_made,
        created.mean_segments,
        created.num_kept,
    )
    for preview in write_previews(cache, images, args.preview):
        logger.info("Preview: %s", preview)
    if created.failed:
        errors = list(created.failed.values())
        raise BrokenFileError(describe_failures(errors, len(images), "images", KIND, command))


def _make_command(args: argparse.Namespace, settings: SlicSettings, folder: Path) -> str:
    """Return the shell command that goes on with this cache."""
    command = ["python", "tools/create_data.py", KIND, "--info", *map(os.path.abspath, args.info)]
    command += ["--data-root", os.path.abspath(args.data_root), "--out-dir", str(folder)]
    for name, value in settings.as_dict().items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    if args.cameras:
        command += ["--cameras", *args.cameras]
    return shlex.join([*command, "--workers", str(args.workers)])
