"""Train a model: ``python tools/train.py CONFIG --data-root DATA``."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from perception_kd.engine.commands.command_line import (
    add_run_options,
    add_tracker_option,
    prepare_config,
    run_tool,
)
from perception_kd.engine.commands.parser import ToolParser

AUTO = "auto"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description="Train the model of a config.")
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--resume",
        nargs="?",
        const=AUTO,
        metavar="CHECKPOINT",
        help="resume from a checkpoint (default: the newest whole one in the work dir)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="remove the checkpoints in the work dir that the training does not resume from",
    )
    parser.add_argument(
        "--pretrained",
        metavar="CHECKPOINT",
        help="initial weights of the parts that the config's load_pretrained_from names",
    )
    parser.add_argument(
        "--replay",
        metavar="STEP",
        help="run the step of a nonfinite_iter_N.pth again and print where NaN begins, with its "
        "weights, those of --resume CHECKPOINT, or those that a training with --pretrained has",
    )
    parser.add_argument(
        "--amp",
        nargs="?",
        const="fp16",
        choices=("fp16", "bf16"),
        help="mixed precision (GPU only), with the range of float16 (default) or of float32",
    )
    parser.add_argument(
        "--channels-last",
        action="store_true",
        help="memory format of 2D convolutions in which they are often faster, on CPUs too, where "
        "batch norms then sum over large maps with larger rounding errors",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile backbones, necks and fusion of images and BEV maps by torch.compile, which "
        "takes 7 to 24 s at the first batch of a small network, longer with a large one, and needs "
        "a C++ compiler on CPUs; sparse networks, heads and losses run as before",
    )
    parser.add_argument("--seed", type=int, help="random seed (default: the config's)")
    parser.add_argument(
        "--no-scale-lr",
        action="store_true",
        help="do not scale the learning rate with the batch size and number of processes",
    )
    add_tracker_option(parser)
    add_run_options(parser)
    args = parser.parse_args(argv)
    if args.overwrite and args.resume == AUTO:
        parser.error("--overwrite starts over: leave --resume out, or give it a checkpoint")
    return args


def train(args: argparse.Namespace) -> None:
    """Build the runner and train."""
    from perception_kd.engine.config.overrides import set_pretrained, set_training
    from perception_kd.engine.run.training import run_training
    from perception_kd.engine.trackers.choice import set_tracker

    cfg = prepare_config(args, "train_dataloader")
    set_training(
        cfg,
        amp=args.amp,
        scale_lr=not args.no_scale_lr,
        seed=args.seed,
        channels_last=args.channels_last,
        compile_dense=args.compile,
    )
    if args.pretrained:
        set_pretrained(cfg, args.pretrained)
    if args.tracker:
        set_tracker(cfg, args.tracker)
    run_training(cfg, launcher=args.launcher, resume=args.resume, overwrite=args.overwrite)


def replay(args: argparse.Namespace) -> None:
    """Run a saved step again and print where its numbers stop to be finite."""
    from perception_kd.engine.config.overrides import set_pretrained
    from perception_kd.engine.run.replay import replay_step

    if args.resume == AUTO:
        raise ValueError("--replay with --resume needs a checkpoint: --resume CHECKPOINT.")
    cfg = prepare_config(args, None)
    if args.pretrained:
        set_pretrained(cfg, args.pretrained)
    for line in replay_step(cfg, args.replay, args.resume, pretrained=bool(args.pretrained)):
        print(line)


def run(args: argparse.Namespace) -> None:
    """Train, or run a saved step again."""
    (replay if args.replay else train)(args)


def say_how_to_resume(args: argparse.Namespace) -> str:
    """Return the command that continues a stopped training."""
    given = [option for option in sys.argv if option != "--overwrite"]
    command = shlex.join(["python", *given]) + ("" if args.resume else " --resume")
    return f"To resume from the latest checkpoint: {command}"


def main(argv: Sequence[str] | None = None) -> int:
    """Train; user errors are reported as one line, without a traceback."""
    return run_tool(run, lambda: parse_args(argv), say_how_to_resume)


if __name__ == "__main__":
    sys.exit(main())
