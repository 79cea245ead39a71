"""The command ``tools/create_data.py semantickitti``."""

import argparse

from perception_kd.datasets.conversion import add_calibration_option, check_calibration
from perception_kd.datasets.semantickitti.options import SequenceOptions
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_SEQUENCES, format_sequences
from perception_kd.io.point_columns import POINT_DTYPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py semantickitti``."""
    add = parser.add_argument
    add("--root", required=True, help="folder that has sequences/ or dataset/sequences/")
    add("--out-dir", help="folder for the info files (default: the one of sequences/)")
    add("--prefix", default="semantickitti", help="start of their names (default: %(default)s)")
    add("--no-cameras", action="store_true", help="leave out all images")
    help_columns = "columns of a point in the files of scans (default: 4)"
    add("--num-pts-feats", type=int, metavar="F", help=help_columns)
    help_dtype = "type of a number in these files (default: %(default)s)"
    add("--dtype", choices=POINT_DTYPES, default="float32", help=help_dtype)
    for split, official in SEMANTICKITTI_SEQUENCES.items():
        help_split = f"sequences for {split} (default: {format_sequences(official)})"
        add(f"--{split}-sequences", type=int, nargs="*", metavar="N", help=help_split)
    add_calibration_option(parser)


def run(args: argparse.Namespace) -> None:
    """Convert, and log the files and the sequences that are missing."""
    from mmengine.logging import MMLogger

    from perception_kd.datasets.semantickitti.converter import convert_semantickitti
    from perception_kd.datasets.semantickitti.sequence_files import find_root

    given = {split: getattr(args, f"{split}_sequences") for split in SEMANTICKITTI_SEQUENCES}
    splits = None
    if any(sequences is not None for sequences in given.values()):
        # Sequences given for one split replace the official ones of all splits.
        splits = {split: sequences for split, sequences in given.items() if sequences}
    options = SequenceOptions(not args.no_cameras, args.num_pts_feats, args.dtype)
    converted = convert_semantickitti(args.root, args.out_dir, args.prefix, splits, options)
    logger = MMLogger.get_current_instance()
    if converted.skipped:
        logger.warning("Not on disk: sequences %s.", " ".join(converted.skipped))
    for remark in converted.remarks:
        logger.warning(remark)
    for split, path in converted.paths.items():
        logger.info("%s: %d samples in %s", split, converted.num_samples[split], path)
    check_calibration(args, converted, find_root(args.root))
