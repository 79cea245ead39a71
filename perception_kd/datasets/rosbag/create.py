"""From a bag to the folder of a recording."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import MMLogger

from perception_kd.datasets.folder.constants import KISS_ICP
from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.extraction import Extractor
from perception_kd.datasets.rosbag.plan import (
    check_space,
    describe_setup,
    describe_source,
    describe_sweeps,
)
from perception_kd.datasets.rosbag.recording import RecordingFolder
from perception_kd.datasets.rosbag.sensors import read_setup
from perception_kd.datasets.rosbag.settings import (
    NO_POSES,
    RECORDING,
    ExtractionSettings,
    parse_pair,
    parse_time,
)
from perception_kd.datasets.rosbag.topics import choose_topics
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.lock import lock_folder
from perception_kd.io.names import safe_name


def create_recording(
    paths: Sequence[str | Path],
    out_dir: str | Path,
    settings: ExtractionSettings,
    *,
    command: str,
    progress: bool = True,
) -> Path:
    """Write a bag as a folder with files of sensors, poses and ``rig.yaml``.

    The bag is read once, and memory does not depend on its length. After a stop, the
    same call leaves the files that are there as they are.

    Args:
        paths: Files or folders of one recording.
        out_dir: Folder that gets the folder ``recording``.
        settings: What is taken from the bag.
        command: Shell command that makes the folder again.
        progress: Whether to show a progress bar.

    Returns:
        The folder of the recording.

    Raises:
        FileNotFoundError: If a path does not exist.
        PermissionError: If ``out_dir`` cannot be written to.
        BlockingIOError: If another process writes to it.
        ValueError: If the bag cannot be used.
    """
    out_dir = make_writable_folder("--out-dir", out_dir)
    logger: MMLogger = MMLogger.get_current_instance()
    with lock_folder("--out-dir", out_dir), Bag(paths) as bag:
        topics = choose_topics(bag, settings)
        setup = read_setup(bag, topics, settings)
        losses = bag.losses
        for loss in losses:
            logger.warning(loss)
        for line in describe_setup(setup, topics.remarks):
            logger.info(line)
        if settings.every:
            logger.info(describe_sweeps(setup, settings))
        logger.info(check_space(bag, setup, settings, out_dir))
        folder = RecordingFolder(out_dir / RECORDING, describe_source(bag, settings))
        extracted = Extractor(bag, setup, settings, folder).run(progress)
        later = [loss for loss in bag.losses if loss not in losses]
        for remark in [*later, *extracted.remarks(setup)]:
            logger.warning(remark)
        if remark := folder.finish(setup.cameras, settings, command):
            logger.warning(remark)
        between = f" and {extracted.num_between} between" if extracted.num_between else ""
        logger.info("%d sweeps%s in %s", extracted.num_sweeps, between, folder.root)
    return folder.root


def read_settings(args: argparse.Namespace) -> ExtractionSettings:
    """Return the settings of ``create_data.py rosbag``.

    Raises:
        ValueError: If an option is wrong.
    """
    cameras: tuple[tuple[str, str], ...] | None = None
    if args.no_cameras:
        if args.camera:
            raise ValueError("--camera and --no-cameras contradict each other; leave one out.")
        cameras = ()
    elif args.camera:
        cameras = tuple(_parse_camera(text) for text in args.camera)
    if not 0 <= args.val_share <= 0.9:
        raise ValueError(f"--val-share must be 0 .. 0.9, but is {args.val_share:g}.")
    return ExtractionSettings(
        lidar=args.lidar,
        cameras=cameras,
        camera_infos=tuple(
            parse_pair("--camera-info", text, "TOPIC=INFO") for text in args.camera_info
        ),
        frames=tuple(parse_pair("--frame", text, "TOPIC=FRAME") for text in args.frame),
        poses=NO_POSES if args.poses == KISS_ICP else args.poses,
        tolerance=parse_time("--tolerance", args.tolerance),
        every=parse_time("--every", args.every),
        sweeps=not args.no_sweeps,
        computes_poses=args.poses == KISS_ICP,
        start=parse_time("--start", args.start),
        duration=None if args.duration is None else parse_time("--duration", args.duration),
        image_format=args.image_format,
        val_share=args.val_share,
    )


def _parse_camera(text: str) -> tuple[str, str]:
    topic, _, name = text.partition("=")
    return topic, safe_name(name, "A name of --camera") if "=" in text else ""
