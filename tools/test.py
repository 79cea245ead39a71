"""Evaluate: ``python tools/test.py CONFIG CHECKPOINT --data-root DATA``."""

import argparse
import sys
from collections.abc import Sequence

from perception_kd.engine.commands.command_line import add_run_options, prepare_config, run_tool
from perception_kd.engine.commands.parser import ToolParser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description="Evaluate a checkpoint.")
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="file written by tools/train.py")
    parser.add_argument(
        "--format-only",
        action="store_true",
        help="write predictions for the official evaluation without metrics; needs no labels",
    )
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        help="folder for predictions (default with --format-only: WORK_DIR/submission)",
    )
    parser.add_argument(
        "--show-dir", metavar="DIR", help="folder for images of predictions and labels"
    )
    parser.add_argument(
        "--show-num", type=int, metavar="N", help="number of samples to draw (default: 20)"
    )
    parser.add_argument(
        "--score-thr",
        type=float,
        metavar="SCORE",
        help="smallest score of drawn boxes (default: 0.3)",
    )
    add_run_options(parser)
    args = parser.parse_args(argv)
    _check_drawing(parser, args)
    return args


def _check_drawing(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check the options of drawing, and set their defaults."""
    for option, value in (("--show-num", args.show_num), ("--score-thr", args.score_thr)):
        if value is not None and not args.show_dir:
            parser.error(f"{option} needs --show-dir")
    args.show_num = 20 if args.show_num is None else args.show_num
    args.score_thr = 0.3 if args.score_thr is None else args.score_thr
    if args.show_num < 1:
        parser.error(f"--show-num must be at least 1, but got {args.show_num}")
    if not 0 <= args.score_thr <= 1:
        parser.error(f"--score-thr must be in [0, 1], but got {args.score_thr:g}")


def evaluate(args: argparse.Namespace) -> None:
    """Build the runner, load the checkpoint and evaluate."""
    from mmengine.model import is_model_wrapper

    from perception_kd.checkpoints.reading import read_checkpoint
    from perception_kd.engine.config.outputs import set_drawing, set_submission
    from perception_kd.engine.distributed.lost_process import lost_processes_named
    from perception_kd.engine.distributed.start import find_timeout, prepare_distributed
    from perception_kd.engine.run.launch import build_runner
    from perception_kd.engine.run.tested_checkpoint import load_tested
    from perception_kd.models.networks.task_model import TaskModel

    cfg = prepare_config(args, "test_dataloader")
    set_submission(cfg, args.out_dir, format_only=args.format_only)
    if args.show_dir:
        set_drawing(cfg, args.show_dir, args.show_num, args.score_thr)
    # Loaded below: the runner would not report what does not match.
    cfg.load_from, cfg.resume, cfg.load_pretrained_from = None, False, None
    prepare_distributed(cfg, args.launcher)
    with lost_processes_named(find_timeout(cfg)):
        runner = build_runner(cfg)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        checkpoint = read_checkpoint(args.checkpoint)
        load_tested(model, checkpoint, cfg)
        metainfo = getattr(runner.test_dataloader.dataset, "metainfo", {})
        if isinstance(model, TaskModel):
            model.check_trained_on(checkpoint, metainfo)
        runner.test()
    found = "Log is" if args.format_only else "Log and scores are"
    runner.logger.info(f"{found} in {runner.work_dir}")


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; user errors are reported as one line, without a traceback."""
    return run_tool(evaluate, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
