"""The command ``tools/create_data.py synthetic``."""

import argparse
import re

from perception_kd.synthetic.world.settings import SyntheticSettings
from perception_kd.utils.ending import advise_if_stopped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py synthetic``."""
    default = SyntheticSettings()
    add = parser.add_argument
    add("--root", required=True, help="folder to create")
    add(
        "--scenes",
        type=int,
        default=default.scenes,
        help="number of scenes, 1..10 (default: %(default)s)",
    )
    help_keyframes = "annotated samples per scene, 0.5 s apart (default: %(default)s)"
    add("--keyframes", type=int, default=default.keyframes, help=help_keyframes)
    help_sweeps = "LiDAR sweeps between two keyframes (default: %(default)s)"
    add("--sweeps", type=int, default=default.sweeps, help=help_sweeps)
    size = f"{default.width}x{default.height}"
    add(
        "--image-size",
        default=size,
        metavar="WxH",
        help="size of the images in px (default: %(default)s)",
    )
    add(
        "--beams",
        type=int,
        default=default.beams,
        help="number of LiDAR rings (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=default.seed,
        help="random seed; the same seed gives the same bytes",
    )
    add(
        "--workers",
        type=int,
        default=2,
        help="number of processes; 0 = none (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Create a data set from the options.

    Raises:
        ValueError: If an option is wrong, or the folder holds other files.
    """
    from perception_kd.synthetic.create import create_synthetic

    match = re.fullmatch(r"(\d+)x(\d+)", args.image_size)
    if not match:
        raise ValueError(
            f"--image-size must be WIDTHxHEIGHT, such as 800x450, but got {args.image_size!r}."
        )
    settings = SyntheticSettings(
        scenes=args.scenes,
        keyframes=args.keyframes,
        sweeps=args.sweeps,
        width=int(match[1]),
        height=int(match[2]),
        beams=args.beams,
        seed=args.seed,
    )
    with advise_if_stopped("Finished scenes are kept. To resume, run the same command again."):
        create_synthetic(args.root, settings, workers=args.workers)
