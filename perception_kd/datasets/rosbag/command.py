"""The command ``tools/create_data.py rosbag``."""

import argparse
import importlib
import shlex
import sys

from perception_kd.datasets.conversion import add_calibration_option
from perception_kd.datasets.folder import command as folder_command
from perception_kd.datasets.folder.constants import KISS_ICP, TOLERANCE_S
from perception_kd.utils.ending import advise_if_stopped
from perception_kd.utils.extras import install_command

_DESCRIPTION = (
    "Write the sweeps, images, calibrations and poses of a ROS bag as a folder, and its info files."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py rosbag``."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    help_bag = "files (.mcap, .db3, .bag) or folders of one recording"
    add("--bag", required=True, nargs="+", metavar="PATH", help=help_bag)
    add(
        "--list",
        action="store_true",
        help="show what the bag holds and a command for it, and write nothing",
    )
    help_out = "folder for the info files, and for the recording in its folder recording/"
    add("--out-dir", help=help_out)
    add("--prefix", default="folder", help="start of the names of info files (default: folder)")
    add("--lidar", metavar="TOPIC", default="", help="points (default: the only topic of points)")
    help_camera = "images, with a name for the camera (default: all that have a CameraInfo)"
    add("--camera", nargs="+", metavar="TOPIC[=NAME]", help=help_camera)
    add("--no-cameras", action="store_true", help="leave out all images")
    help_info = "topic of the CameraInfo of images (default: the one beside them)"
    add("--camera-info", nargs="+", default=[], metavar="TOPIC=INFO", help=help_info)
    help_frame = "frame of a topic, where that of its messages is wrong"
    add("--frame", nargs="+", default=[], metavar="TOPIC=FRAME", help=help_frame)
    help_poses = (
        "a topic of odometry, a frame of /tf that does not move, none, kiss-icp (computed from the "
        "points), or auto (default)"
    )
    add("--poses", default="auto", metavar="SOURCE", help=help_poses)
    help_tolerance = "longest time between a sweep and an image (default: %(default)s)"
    add("--tolerance", default=f"{TOLERANCE_S}s", metavar="TIME", help=help_tolerance)
    help_every = "shortest time between two keyframes, such as 0.5s (default: each sweep is one)"
    add("--every", default="0s", metavar="TIME", help=help_every)
    help_sweeps = (
        "drop the sweeps between the keyframes of --every (by default, they become earlier sweeps "
        "of them, as in nuScenes, where there are poses)"
    )
    add("--no-sweeps", action="store_true", help=help_sweeps)
    add("--start", default="0s", metavar="TIME", help="leave out the time before, such as 2min")
    add("--duration", metavar="TIME", help="length of the part to convert (default: all)")
    help_format = "format of images that are not compressed in the bag (default: %(default)s)"
    add("--image-format", choices=("png", "jpg"), default="png", help=help_format)
    help_share = (
        "share of the recording, at its end, that validates; the 10 s before it are in no split "
        "(default: 0, all for training)"
    )
    add("--val-share", type=float, default=0.0, metavar="SHARE", help=help_share)
    help_workers = "processes that undistort images; 0 = none (default: %(default)s)"
    add("--workers", type=int, default=2, help=help_workers)
    add_calibration_option(parser)


def run(args: argparse.Namespace) -> None:
    """List a bag, or write it as a folder and convert that.

    Raises:
        ImportError: If the extra is not installed.
        ValueError: If an option is wrong, or the bag cannot be used.
    """
    _check_extra()
    from perception_kd.datasets.rosbag.bag import Bag
    from perception_kd.datasets.rosbag.listing import format_summary, summarize
    from perception_kd.datasets.rosbag.proposal import propose_command

    if args.list:
        with Bag(args.bag) as bag:
            sys.stdout.write(format_summary(bag, summarize(bag)) + "\n" + propose_command(bag))
        return
    if not args.out_dir:
        raise ValueError("Give --out-dir, or --list to see what the bag holds.")
    with advise_if_stopped("Finished files are kept. To resume, run the same command again."):
        _extract(args)


def _extract(args: argparse.Namespace) -> None:
    from mmengine.logging import MMLogger

    from perception_kd.datasets.rosbag.create import create_recording, read_settings

    settings = read_settings(args)
    folder = create_recording(args.bag, args.out_dir, settings, command=_command())
    logger: MMLogger = MMLogger.get_current_instance()
    logger.info("Converting %s, whose data root it is.", folder)
    words = ["--root", str(folder), "--out-dir", args.out_dir, "--prefix", args.prefix]
    parser = argparse.ArgumentParser()
    folder_command.add_arguments(parser)
    words += ["--poses", KISS_ICP] if args.poses == KISS_ICP else []
    words += ["--no-calibration-check"] if args.no_calibration_check else []
    folder_command.run(parser.parse_args([*words, "--workers", str(args.workers)]))


def _command() -> str:
    return shlex.join(["python", "tools/create_data.py", *sys.argv[1:]])


def _check_extra() -> None:
    try:
        importlib.import_module("rosbags.highlevel")
    except ImportError as error:
        raise ImportError(
            f"Bags need packages that are not installed ({error.name}): {install_command('rosbag')}"
        ) from error
