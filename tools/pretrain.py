"""Pre-train on a folder of recordings: ``python tools/pretrain.py DATA``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import add_tracker_option, run_tool
from perception_kd.engine.commands.parser import ToolParser

METHODS = ("slidr", "ppkt", "prc", "prc+rad")
_DESCRIPTION = (
    "Pre-train without labels on a recording (a folder with rig.yaml, a ROS bag, nuScenes' tables, "
    "SemanticKITTI's sequences): convert it, make caches, choose settings for this machine, train "
    "and write a report. The same command again continues. Nothing is written outside of --out."
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=_DESCRIPTION)
    add = parser.add_argument
    add("data", help="folder of the recording, or a ROS bag")
    add("--method", choices=METHODS, default="slidr", help="method (default: %(default)s)")
    help_out = "output folder (default: %(default)s)"
    add("--out", dest="out_dir", metavar="DIR", default="work_dirs/pretrained", help=help_out)
    length = parser.add_mutually_exclusive_group()
    help_minutes = "time of the training, for which epochs are chosen (default: 30)"
    length.add_argument("--minutes", type=float, metavar="N", help=help_minutes)
    length.add_argument("--epochs", type=int, metavar="N", help="number of epochs instead")
    add("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    help_workers = "processes that convert data and make caches (default: %(default)s)"
    add("--workers", type=int, default=2, help=help_workers)
    help_teacher = "image network of your own, see docs/your_teacher.md"
    add("--teacher", metavar="MODULE:CALLABLE", default="", help=help_teacher)
    help_version = "folder of nuScenes' tables, where there are several"
    add("--version", metavar="NAME", default="", help=help_version)
    add_tracker_option(parser)
    help_propose = "draft DIR/rig.yaml for you to check, if the folder has no rig file"
    add("--propose", action="store_true", help=help_propose)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Pre-train, and print where the results are; or propose a rig file."""
    from perception_kd import PretrainOptions, pretrain
    from perception_kd.api.pretraining.sources import propose_source

    out = Path(args.out_dir).absolute()
    if args.propose and (rig := propose_source(args.data, out, version=args.version)):
        print(
            f"drafted rig file: {rig}\nCheck and complete each line (docs/your_data.md says what "
            "they mean), then run the same command again."
        )
        return
    pretrained = pretrain(
        args.data,
        args.method,
        args.out_dir,
        minutes=args.minutes,
        epochs=args.epochs,
        teacher=args.teacher,
        options=PretrainOptions(args.seed, args.workers, args.version, args.tracker or ""),
    )
    print(f"checkpoint: {pretrained.checkpoint}")
    print(f"report: {pretrained.report}")


def main(argv: Sequence[str] | None = None) -> int:
    """Pre-train; user errors are reported as one line, without a traceback."""
    return run_tool(run, lambda: parse_args(argv), "To continue, run the same command again.")


if __name__ == "__main__":
    sys.exit(main())
