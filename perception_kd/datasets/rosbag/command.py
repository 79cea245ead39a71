"""The command ``tools/create_data.py rosbag``."""

import argparse
import importlib
import sys

_EXTRA = 'pip install "perception-kd[rosbag]"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py rosbag``."""
    add = parser.add_argument
    help_bag = "files (.mcap, .db3, .bag) or folders of one recording"
    add("--bag", required=True, nargs="+", metavar="PATH", help=help_bag)
    add("--list", action="store_true", help="show what the bag holds, and write nothing")


def run(args: argparse.Namespace) -> None:
    """List a bag.

    Raises:
        ImportError: If the extra is not installed.
        ValueError: If the bag cannot be used.
    """
    _check_extra()
    from perception_kd.datasets.rosbag.bag import Bag
    from perception_kd.datasets.rosbag.listing import format_summary, summarize

    with Bag(args.bag) as bag:
        sys.stdout.write(format_summary(bag, summarize(bag)))


def _check_extra() -> None:
    try:
        importlib.import_module("rosbags.highlevel")
    except ImportError as error:
        raise ImportError(
            f"Bags need packages that are not installed ({error.name}): {_EXTRA}"
        ) from error
