"""Prepare data: info files of public data sets, caches for training.

Run ``python tools/create_data.py COMMAND --help`` for the options of a command.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from perception_kd.datasets.catalog import SOURCES
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser


class Command(NamedTuple):
    """One command.

    Attributes:
        module: Has ``add_arguments(parser)`` and ``run(args)``.
        about: What the command makes.
    """

    module: str
    about: str


_OTHERS = {
    "joint_regions": Command(
        "perception_kd.engine.commands.create_joint_regions",
        "regions of both sensors: superpixels split by clusters of points",
    ),
    "regions": Command(
        "perception_kd.engine.commands.create_regions", "regions of all sweeps of info files"
    ),
    "superpixels": Command(
        "perception_kd.superpixels.command", "superpixels of all images of info files"
    ),
    "synthetic": Command(
        "perception_kd.synthetic.command",
        "a synthetic data set in the format of nuScenes, to try things on",
    ),
    "teacher": Command(
        "perception_kd.engine.teacher_cache.command",
        "features of a frozen teacher, so that trainings need not run it",
    ),
}
_CONVERTERS = {name: Command(entry.command, entry.about) for name, entry in SOURCES.items()}
COMMANDS = dict(sorted((_CONVERTERS | _OTHERS).items()))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    argv = sys.argv[1:] if argv is None else argv
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.about, description=command.about)
        if name in argv:  # a command does not need the packages of another
            module = importlib.import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 2 after a user error, reported as one line; 130 after Ctrl-C.
    """
    return run_tool(lambda args: args.run(args), lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
