"""Check the environment, a data set, its caches and a checkpoint before a run.

Each finding is one line: its level, what was checked, what was found, and what to do.
Without options, it checks the environment and the machine. A large data set is checked
by samples spread over its scenes; --full reads all files. --device compares training
steps on a GPU with the same on the CPU, in at most two minutes without --config.

Exit status: 0 without errors (there may be warnings), 1 with errors, 2 if the command
cannot be run as given, 130 after Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--root", type=Path, metavar="DIR", help="folder of the data set")
    add(
        "--infos",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="info files (default: those of the config, or in --root)",
    )
    add("--config", metavar="CONFIG", help="check what this config reads and builds")
    add("--checkpoint", type=Path, metavar="FILE", help="check a checkpoint")
    help_device = "take training steps there, of --config or of all smoke tests: cpu, cuda, cuda:N"
    add("--device", metavar="DEVICE", help=help_device)
    add("--report", type=Path, metavar="DIR", help="write DIR/doctor.html, with images")
    add("--json", type=Path, metavar="FILE", help="write the findings as JSON")
    add("--full", action="store_true", help="read all files of all samples")
    add("--num", type=int, default=40, help="samples read per info file (default: 40)")
    add("--workers", type=int, default=2, help="processes; 0 = none (default: 2)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Check, print the findings and return the exit status."""
    has_errors = False

    def check(args: argparse.Namespace) -> None:
        nonlocal has_errors
        from perception_kd.doctor.command import run

        has_errors = run(args)

    status = run_tool(
        check,
        lambda: parse_args(argv),
        "The findings above are incomplete.",
    )
    return status or int(has_errors)


if __name__ == "__main__":
    sys.exit(main())
