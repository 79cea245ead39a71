"""The command ``tools/create_data.py nuscenes``."""

import argparse

from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.splits import NUSCENES_VERSIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py nuscenes``."""
    options = SceneOptions()
    add = parser.add_argument
    add("--root", required=True, help="folder that has samples/ and the folder of the tables")
    add("--version", required=True, choices=NUSCENES_VERSIONS)
    add("--out-dir", help="folder for the info files (default: --root)")
    add("--prefix", default="nuscenes", help="start of their names (default: %(default)s)")
    help_sweeps = "largest number of LiDAR sweeps before a keyframe (default: %(default)s)"
    add("--max-sweeps", type=int, default=options.max_sweeps, help=help_sweeps)
    help_sweeps = "largest number of earlier images per camera and keyframe (default: %(default)s)"
    add("--max-camera-sweeps", type=int, default=options.max_camera_sweeps, help=help_sweeps)
    help_boxes = "add the boxes per camera that monocular detectors of mmdet3d train on"
    add("--camera-boxes", action="store_true", help=help_boxes)
    add("--workers", type=int, default=2, help="processes; 0 = none (default: %(default)s)")
    add(
        "--strict",
        action="store_true",
        help="fail if a file is missing; skip no scene",
    )


def run(args: argparse.Namespace) -> None:
    """Convert, and log the files and the scenes that were left out."""
    from mmengine.logging import MMLogger

    from perception_kd.datasets.nuscenes.converter import convert_nuscenes

    options = SceneOptions(args.max_sweeps, args.max_camera_sweeps, args.camera_boxes)
    converted = convert_nuscenes(
        args.root,
        args.version,
        args.out_dir,
        args.prefix,
        options,
        workers=args.workers,
        strict=args.strict,
    )
    logger = MMLogger.get_current_instance()
    if converted.skipped:
        logger.warning("Skipped %d scenes:", len(converted.skipped))
    for name, reason in converted.skipped.items():
        logger.warning("  %s: %s", name, reason)
    if converted.num_missing_sweeps:
        logger.warning("Left out %d sweeps that are not on disk.", converted.num_missing_sweeps)
    for split, path in converted.paths.items():
        logger.info("%s: %d samples in %s", split, converted.num_samples[split], path)
