"""The command ``tools/create_data.py folder``."""

import argparse

from perception_kd.datasets.conversion import add_calibration_option, check_calibration
from perception_kd.datasets.folder.constants import KISS_ICP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py folder``."""
    add = parser.add_argument
    add("--root", required=True, help="folder of the recording")
    add("--rig", help="description of its sensors, see docs/your_data.md (default: ROOT/rig.yaml)")
    add("--out-dir", help="folder for the info files (default: --root)")
    add("--prefix", default="folder", help="start of their names (default: %(default)s)")
    help_workers = "processes that undistort images; 0 = none (default: %(default)s)"
    add("--workers", type=int, default=2, help=help_workers)
    help_poses = "compute poses from the points, in place of those of the rig file; extra [poses]"
    add("--poses", choices=[KISS_ICP], help=help_poses)
    add_calibration_option(parser)
    help_propose = "look at the files and write a first --rig, which is never overwritten"
    add("--propose", action="store_true", help=help_propose)
    add("--lidar", help="with --propose: name of the LiDAR, where there are several")


def run(args: argparse.Namespace) -> None:
    """Propose a rig file; or convert, and log what the recording lacks."""
    from mmengine.logging import MMLogger

    if args.propose:
        from perception_kd.datasets.folder.propose import propose_rig

        path = propose_rig(args.root, args.rig, args.lidar)
        MMLogger.get_current_instance().info(
            "Wrote %s; check and complete it, then run the same command without --propose.", path
        )
        return
    from perception_kd.datasets.folder.converter import convert_folder

    converted = convert_folder(
        args.root,
        args.rig,
        args.out_dir,
        args.prefix,
        poses=args.poses,
        workers=args.workers,
    )
    logger = MMLogger.get_current_instance()
    for remark in converted.remarks:
        logger.info(remark)
    for warning in converted.warnings:
        logger.warning(warning)
    for split, path in converted.paths.items():
        logger.info("%s: %d samples in %s", split, converted.num_samples[split], path)
    check_calibration(args, converted, args.root)
