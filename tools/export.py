"""Write a trained network for another stack, as a model folder, or as ONNX.

    python tools/export.py work_dirs/x/epoch_12.pth --to mmdet3d

mmdet3d, openpcdet, bevfusion and pointcept get a file of weights with their names and
layouts, all but bevfusion with the settings of the network beside it; parts that they
do not have are an error that lists them. safetensors writes a folder for model hubs,
which perception_kd.load reads; onnx writes the dense parts (extra "onnx").
docs/export.md has a table of what can be exported.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser

TARGETS = ("mmdet3d", "openpcdet", "bevfusion", "pointcept", "safetensors", "onnx")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("checkpoint", type=Path, help="checkpoint, or the folder of a training")
    add("--to", required=True, choices=TARGETS, help="what to write")
    add("--out", type=Path, help="file or folder to write (default: beside the checkpoint)")
    add("--config", type=Path, help="config of a checkpoint that has none")
    add("--list", action="store_true", help="print the names in both stacks, and write nothing")
    add(
        "--leave-out",
        nargs="+",
        default=[],
        metavar="NAME",
        help="beginnings of names of the model that are left out, such as pts_bbox_head.",
    )
    add("--spconv", type=int, choices=(1, 2), help="layout of sparse kernels for openpcdet")
    _add_card_options(parser.add_argument_group("with --to safetensors"))
    group = parser.add_argument_group("with --to onnx")
    group.add_argument(
        "--image-size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="size of the images in px (default: that of the training)",
    )
    group.add_argument("--views", type=int, default=6, help="number of cameras (default: 6)")
    args = parser.parse_args(argv)
    if args.list and args.to in ("safetensors", "onnx"):
        parser.error(f"--list is of names in other stacks, which --to {args.to} does not change")
    _refuse_unused(parser, args)
    if args.views < 1 or min(args.image_size or [1]) < 1:
        parser.error("--views and --image-size must be positive")
    return args


def _refuse_unused(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that the target does not use."""
    is_stack = args.to not in ("safetensors", "onnx")
    card = ("name", "license", "data", "data_license", "teacher_license", "results")
    used = dict.fromkeys((*card, "initialization"), args.to == "safetensors")
    used |= {"image_size": args.to == "onnx", "views": args.to == "onnx"}
    used |= {"leave_out": is_stack, "spconv": is_stack}
    for name, is_used in used.items():
        if not is_used and getattr(args, name) != parser.get_default(name):
            option = f"--{name.replace('_', '-')}"
            parser.error(f"{option} has no effect with --to {args.to}; leave it out")


def _add_card_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--name", help="name of the model (default: method, networks and data)")
    add("--license", default="not stated", help="license of the weights, such as cc-by-nc-4.0")
    add("--data", metavar="NAME", help="name of the training's data")
    add("--data-license", metavar="LICENSE", help="license of the data")
    add("--teacher-license", metavar="LICENSE", help="license of the image network")
    add("--results", type=Path, metavar="CSV", help="results.csv of tools/sweep.py")
    add(
        "--initialization",
        metavar="KEY",
        help="the initialization in that table that the checkpoint belongs to",
    )


def export(args: argparse.Namespace) -> None:
    """Write, and say what."""
    from perception_kd.export.command import ExportOptions, export_checkpoint
    from perception_kd.export.model_folder import CardOptions

    card = CardOptions(
        name=args.name,
        license=args.license,
        data=args.data,
        data_license=args.data_license,
        teacher_license=args.teacher_license,
        results=args.results,
        initialization=args.initialization,
    )
    options = ExportOptions(
        target=args.to,
        out=args.out,
        config=args.config,
        leave_out=args.leave_out,
        spconv=args.spconv,
        card=card,
        image_size=tuple(args.image_size) if args.image_size else None,
        num_views=args.views,
        list_only=args.list,
    )
    for line in export_checkpoint(args.checkpoint, options):
        print(line)


def main(argv: Sequence[str] | None = None) -> int:
    """Export; user errors are reported as one line, without a traceback."""
    return run_tool(export, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
