"""The command ``tools/create_data.py nuscenes``."""

import argparse

from perception_kd.datasets.conversion import add_calibration_option, check_calibration
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.splits import NUSCENES_VERSIONS
from perception_kd.io.point_columns import POINT_DTYPES
from perception_kd.io.ray_cluster.options import add_worker_arguments, read_workers

_SPLITS = ("train", "val", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py nuscenes``."""
    options = SceneOptions()
    add = parser.add_argument
    add("--root", required=True, help="folder that has samples/ and the folder of the tables")
    help_version = f"folder of the tables: {', '.join(NUSCENES_VERSIONS)} or another name"
    add("--version", required=True, help=help_version)
    add("--out-dir", help="folder for the info files (default: --root)")
    add("--prefix", default="nuscenes", help="start of their names (default: %(default)s)")
    help_sweeps = "largest number of LiDAR sweeps before a keyframe (default: %(default)s)"
    add("--max-sweeps", type=int, default=options.max_sweeps, help=help_sweeps)
    help_sweeps = "largest number of earlier images per camera and keyframe (default: %(default)s)"
    add("--max-camera-sweeps", type=int, default=options.max_camera_sweeps, help=help_sweeps)
    help_boxes = "add the boxes per camera that monocular detectors of mmdet3d train on"
    add("--camera-boxes", action="store_true", help=help_boxes)
    add("--no-boxes", action="store_true", help="leave out the annotated boxes")
    help_lidar = "channel of the LiDAR (default: LIDAR_TOP or, without it, the only one)"
    add("--lidar", metavar="CHANNEL", help=help_lidar)
    cameras = parser.add_mutually_exclusive_group()
    help_cameras = "channels of the cameras (default: all)"
    cameras.add_argument("--cameras", nargs="+", metavar="CHANNEL", help=help_cameras)
    cameras.add_argument("--no-cameras", action="store_true", help="leave out all images")
    help_columns = "columns of a point in the files of sweeps (default: 5, as in nuScenes)"
    add("--num-pts-feats", type=int, metavar="F", help=help_columns)
    help_dtype = "type of a number in these files (default: %(default)s)"
    add("--dtype", choices=POINT_DTYPES, default=options.dtype, help=help_dtype)
    for split in _SPLITS:
        help_scenes = f"file with the names of the scenes for {split}; replaces all other splits"
        add(f"--{split}-scenes", metavar="FILE", help=help_scenes)
    add_worker_arguments(parser)
    add(
        "--strict",
        action="store_true",
        help="fail if a file of a keyframe is missing; leave nothing out",
    )
    add_calibration_option(parser)


def run(args: argparse.Namespace) -> None:
    """Convert, and log the files and the scenes that were left out."""
    from mmengine.logging import MMLogger

    from perception_kd.datasets.nuscenes.converter import convert_nuscenes
    from perception_kd.datasets.scene_lists import read_scene_list

    cameras = [] if args.no_cameras else args.cameras
    lists = {split: getattr(args, f"{split}_scenes") for split in _SPLITS}
    lists = {split: path for split, path in lists.items() if path}
    options = SceneOptions(
        max_sweeps=args.max_sweeps,
        max_camera_sweeps=args.max_camera_sweeps,
        camera_boxes=args.camera_boxes,
        boxes=not args.no_boxes,
        lidar=args.lidar,
        cameras=None if cameras is None else tuple(cameras),
        num_pts_feats=args.num_pts_feats,
        dtype=args.dtype,
        strict=args.strict,
        split_words=tuple(x for split, path in lists.items() for x in (f"--{split}-scenes", path)),
    )
    converted = convert_nuscenes(
        args.root,
        args.version,
        args.out_dir,
        args.prefix,
        options,
        splits={split: read_scene_list(path) for split, path in lists.items()},
        workers=read_workers(args),
    )
    logger = MMLogger.get_current_instance()
    if converted.skipped:
        logger.warning("Skipped %d scenes:", len(converted.skipped))
    for name, reason in converted.skipped.items():
        logger.warning("  %s: %s", name, reason)
    for remark in converted.remarks:
        logger.warning(remark)
    for split, path in converted.paths.items():
        logger.info("%s: %d samples in %s", split, converted.num_samples[split], path)
    check_calibration(args, converted, args.root)
