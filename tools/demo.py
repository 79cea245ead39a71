"""Run the whole chain on synthetic data: the work behind ``make demo``.

Draws a street world, pre-trains networks of LiDAR and cameras without labels, judges
them by segmentation, detection and maps on few labels against random initializations,
and ends with a table and a page. Every command is shown as one would type it. Stopped
anywhere, it goes on there when it is run again; what is done is not done twice.
"""

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_STATES = {"skip": "done", "resume": "stopped", "start": "to run", "wait": "again"}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    help_seeds = "seeds to average over, each with a pre-training of its own (default: 1)"
    add("--seeds", type=int, default=1, metavar="N", help=help_seeds)
    add("--work-dir", type=Path, metavar="DIR", help="folder of results (default: work_dirs/demo)")
    help_data = "folder of the synthetic data set, made if it is not there (data/synthetic)"
    add("--data-root", type=Path, metavar="DIR", help=help_data)
    help_workers = "processes that make data (default: the number of cores, at most 8)"
    add("--workers", type=int, default=min(os.cpu_count() or 1, 8), help=help_workers)
    help_from = "run this stage and all after it again; --list names them"
    add("--from", dest="first", metavar="STAGE", help=help_from)
    add("--list", action="store_true", help="list the stages and how far they are, and end")
    help_tiny = "try the chain in a few minutes: tiny data, one epoch, numbers without meaning"
    add("--tiny", action="store_true", help=help_tiny)
    help_full = "judge in more ways: fusion, frozen LiDAR, and all tasks on few and on all labels"
    add("--full", action="store_true", help=help_full)
    args = parser.parse_args(argv)
    suffix = "_tiny" if args.tiny else ""
    args.work_dir = _from_root(args.work_dir or ROOT / f"work_dirs/demo{suffix}")
    args.data_root = _from_root(args.data_root or ROOT / f"data/synthetic{suffix}")
    return args


def run(args: argparse.Namespace) -> None:
    """Run the stages of the options that are not done yet."""
    from perception_kd import experiments as demo
    from perception_kd.io.atomic import make_writable_folder, write_json

    settings = demo.DemoSettings(
        args.work_dir, args.data_root, args.seeds, args.workers, tiny=args.tiny, full=args.full
    )
    stages, report = demo.make_stages(settings), demo.make_report_stage(settings)
    display = demo.Display(sys.stdout)
    chain = demo.Chain(settings.work_dir, [*stages, report], display)
    if args.list:
        for name, plan in chain.plans().items():
            reason = f"  ({plan.reason})" if plan.reason else ""
            display.text(f"{_STATES[plan.action]:8} {name}{reason}")
        return
    make_writable_folder("--work-dir", settings.work_dir)
    if not (settings.data_root / "synthetic.json").exists():
        make_writable_folder("--data-root", settings.data_root)
    with demo.only_one(settings.work_dir):
        if args.first:
            chain.restart_from(args.first)
        begin = time.monotonic()
        display.text(demo.NOTE)
        chain.run([stage.name for stage in stages])
        path = settings.work_dir / "summary.json"
        summary = demo.make_summary(settings, chain.seconds(), ROOT)
        write_json(path, summary)
        chain.run([report.name])
        summary = demo.make_summary(settings, chain.seconds(), ROOT)
        write_json(path, summary)
        display.text(f"\n{demo.format_table(summary['results'])}\n\n{demo.NOTE}")
        took = demo.format_seconds(time.monotonic() - begin)
        display.text(f"Seeds: {settings.seeds}. This run took {took}.")
        display.text(f"Numbers: {path}\nReport:  {settings.work_dir / 'report.html'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run; what the user can mend ends without a traceback.

    Returns:
        0; 1 if a stage failed or the options are at fault; 130 if stopped by hand.
    """
    args = parse_args(argv)
    os.chdir(ROOT)
    from perception_kd.experiments import DemoError

    # Ended from outside, as by a batch system: stop as with Ctrl-C. That itself is
    # ignored in the background of a script, and would be by all commands run from here.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        run(args)
    except KeyboardInterrupt:
        command = shlex.join(["python", *sys.argv])
        text = f"\nStopped; what is done stays. The same command goes on: {command}"
        print(text, file=sys.stderr)
        return 130
    except (DemoError, OSError, ValueError) as error:
        print(f"\ndemo.py: {error}", file=sys.stderr)
        return 1
    return 0


def _from_root(path: Path) -> Path:
    """Return a path as it is seen from the project's folder, where commands run."""
    path = path.absolute()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
