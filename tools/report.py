"""Write the report of a demo: one self-contained HTML page.

It shows what has finished so far and names what is missing. Run it again to update it.
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
    add("work_dir", type=Path, metavar="WORK_DIR", help="work dir of a demo")
    add("--out", type=Path, metavar="FILE", help="page to write (default: WORK_DIR/report.html)")
    add(
        "--num",
        type=int,
        default=2,
        help="number of keyframes shown (default: 2; each adds about 4 MB)",
    )
    help_rerun = "record the scenes for Rerun as well, *.rrd (extra: rerun)"
    add("--rerun", type=Path, metavar="FILE", help=help_rerun)
    return parser.parse_args(argv)


def write(args: argparse.Namespace) -> None:
    """Write the page."""
    from perception_kd.experiments.report import write_report

    print(write_report(args.work_dir, args.out, args.num))
    if args.rerun:
        from perception_kd.experiments.report.scenes import write_scenes

        print(write_scenes(args.work_dir, args.rerun, args.num))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; user errors are reported as one line on stderr."""
    return run_tool(write, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
