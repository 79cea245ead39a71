"""Run the whole pipeline on synthetic data; ``make demo`` calls this.

Renders a street world, pre-trains LiDAR and camera networks without labels, compares
them with random initializations on segmentation, detection and map segmentation with
few labels, and ends with a table and an HTML report. Every command is printed as you
would type it. Interrupt it at any point and run the same command again to continue;
stages whose inputs or settings changed are redone.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import run_stages_tool
from perception_kd.engine.commands.parser import ToolParser
from perception_kd.utils.cores import count_cores

ROOT = Path(__file__).resolve().parent.parent
_STATES = {"skip": "done", "resume": "stopped", "start": "to run", "wait": "again"}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    help_seeds = "number of seeds to average over, each with its own pre-training (default: 1)"
    add("--seeds", type=int, default=1, metavar="N", help=help_seeds)
    add("--work-dir", type=Path, metavar="DIR", help="folder of results (default: work_dirs/demo)")
    help_data = "folder of the synthetic data set, created if missing (default: data/synthetic)"
    add("--data-root", type=Path, metavar="DIR", help=help_data)
    help_workers = "processes that create data (default: the number of cores, at most 8)"
    add("--workers", type=int, default=min(count_cores(), 8), help=help_workers)
    help_jobs = "stages that run at the same time; they share threads and memory (default: 2)"
    add("--jobs", type=int, default=2, metavar="N", help=help_jobs)
    help_from = "run this stage and all later ones again; see --list for their names"
    add("--from", dest="first", metavar="STAGE", help=help_from)
    add("--list", action="store_true", help="list the stages and their state, and exit")
    help_tiny = "smoke test of a few minutes: tiny data, one epoch, meaningless scores"
    add("--tiny", action="store_true", help=help_tiny)
    help_full = "more protocols: fusion, frozen LiDAR, and all tasks with few and with all labels"
    add("--full", action="store_true", help=help_full)
    args = parser.parse_args(argv)
    suffix = "_tiny" if args.tiny else ""
    args.work_dir = _from_root(args.work_dir or ROOT / f"work_dirs/demo{suffix}")
    args.data_root = _from_root(args.data_root or ROOT / f"data/synthetic{suffix}")
    return args


def run(args: argparse.Namespace) -> None:
    """Run the stages that are not up to date, then write summary and report."""
    from perception_kd.experiments.demo import DemoSettings, make_report_stage, make_stages
    from perception_kd.experiments.display import Display, format_seconds, printable
    from perception_kd.experiments.executors import LocalExecutor
    from perception_kd.experiments.results import format_table
    from perception_kd.experiments.runner import StageRunner
    from perception_kd.experiments.summary import NOTE, make_summary
    from perception_kd.io.atomic import make_writable_folder, write_json
    from perception_kd.io.lock import lock_folder

    os.chdir(ROOT)
    settings = DemoSettings(
        args.work_dir, args.data_root, args.seeds, args.workers, tiny=args.tiny, full=args.full
    )
    stages, report = make_stages(settings), make_report_stage(settings)
    display = Display(sys.stdout)
    executor = LocalExecutor(args.jobs)
    runner = StageRunner(settings.workspace, [*stages, report], display, executor)
    if args.list:
        for name, plan in runner.plans().items():
            reason = f"  ({printable(plan.reason)})" if plan.reason else ""
            display.text(f"{_STATES[plan.action]:8} {name}{reason}")
        return
    make_writable_folder("--work-dir", settings.work_dir)
    if not (settings.data_root / "synthetic.json").exists():
        make_writable_folder("--data-root", settings.data_root)
    with lock_folder("--work-dir", settings.work_dir, kept_by_children=True) as lock:
        if args.first:
            runner.restart_from(args.first)
        begin = time.monotonic()
        display.text(NOTE)
        runner.run([stage.name for stage in stages], lock)
        path = settings.work_dir / "summary.json"
        summary = make_summary(settings, runner.seconds(), ROOT)
        write_json(path, summary)
        runner.run([report.name], lock)
        summary = make_summary(settings, runner.seconds(), ROOT)
        write_json(path, summary)
        display.text(f"\n{format_table(summary['results'], settings.comparison)}\n\n{NOTE}")
        took = format_seconds(time.monotonic() - begin)
        display.text(f"Seeds: {settings.seeds}. This run took {took}.")
        display.text(f"Numbers: {path}\nReport:  {settings.work_dir / 'report.html'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; errors that the user can fix are reported without a traceback.

    Returns:
        0; 2 if a stage failed or an option is wrong; 128 plus the number of the signal
        that stopped it, which is 130 for Ctrl-C.
    """
    return run_stages_tool(run, lambda: parse_args(argv))


def _from_root(path: Path) -> Path:
    """Return a path relative to the project folder, where commands run, if inside."""
    path = path.absolute()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
