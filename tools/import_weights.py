r"""Convert published weights of another stack to a checkpoint of this project.

    python tools/import_weights.py minkunet_slidr_1gpu.pt --from slidr \
        --config configs/slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py \
        --out work_dirs/imported/slidr.pth

The result has our names and is for --pretrained. Every tensor of the parts of
the network that are not left out must be in the file, with the right shape.
docs/export.md says which networks each stack has.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser

SOURCES = ("slidr", "openpcdet", "mmdet3d", "bevfusion", "pointcept")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("weights", type=Path, help="file of the other stack")
    add("--from", dest="source", required=True, choices=SOURCES, help="the other stack")
    add("--config", type=Path, required=True, help="config of the network that takes the weights")
    add("--out", type=Path, required=True, help="file to write")
    add(
        "--leave-out",
        nargs="+",
        default=[],
        metavar="NAME",
        help="beginnings of names of the model that the file need not have, such as pts_seg_head.",
    )
    return parser.parse_args(argv)


def import_weights(args: argparse.Namespace) -> None:
    """Write, and say what."""
    from perception_kd.export.command import import_checkpoint

    for line in import_checkpoint(args.weights, args.source, args.config, args.out, args.leave_out):
        print(line)


def main(argv: Sequence[str] | None = None) -> int:
    """Import; user errors are reported as one line, without a traceback."""
    return run_tool(import_weights, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
