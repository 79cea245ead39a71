"""Run a label sweep: initializations on tasks with shares of the labels, and seeds.

SWEEP.py is a short file of settings, described in docs/sweeps.md; configs/sweeps/ has
examples. The work dir gets results.csv, results.md, chart.svg and report.html: means,
standard deviations, and differences seed by seed with their confidence intervals. Run
the same command again to continue. A failed stage stops only those that read from it,
and is named at the end.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perception_kd.engine.commands.command_line import run_stages_tool
from perception_kd.engine.commands.parser import ToolParser
from perception_kd.utils.cores import count_cores

if TYPE_CHECKING:
    from perception_kd.experiments.executors import Executor
    from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan

ROOT = Path(__file__).resolve().parent.parent


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("sweep", type=Path, metavar="SWEEP.py", help="file of the label sweep")
    add("--work-dir", type=Path, metavar="DIR", help="folder of results (default: work_dirs/NAME)")
    add(
        "--data-root", type=Path, metavar="DIR", help="folder of the data set (default: the file's)"
    )
    help_infos = "folder of info files and caches of data that exist (default: the file's)"
    add("--info-root", type=Path, metavar="DIR", help=help_infos)
    add("--seeds", type=int, metavar="N", help="number of seeds (default: the file's)")
    help_dry = "list the stages with their state and commands, and the epochs; run nothing"
    add("--dry-run", action="store_true", help=help_dry)
    help_report = "write the results of what has finished; run nothing"
    add("--report", action="store_true", help=help_report)
    help_jobs = "stages that run at the same time; they share threads and memory (default: 1)"
    add("--jobs", type=int, default=1, metavar="N", help=help_jobs)
    help_gpus = "GPUs, such as 0,1: each stage sees one of them (default: all)"
    add("--gpus", default="", metavar="LIST", help=help_gpus)
    help_workers = "processes that create data (default: the number of cores, at most 8)"
    add("--workers", type=int, default=min(count_cores(), 8), metavar="N", help=help_workers)
    help_executor = (
        "where stages run: this machine (default), Slurm, a Ray cluster; submitit is this machine "
        "in the way of Slurm, to try it"
    )
    executors = ("local", "slurm", "ray", "submitit")
    add("--executor", choices=executors, default="local", help=help_executor)
    help_address = "head of the Ray cluster (default: that of the cluster on this machine)"
    add("--address", metavar="HOST:PORT", help=help_address)
    add(
        "--executor-options",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="what a stage needs: submitit's parameters (timeout_min=600 gpus_per_node=1 "
        "slurm_partition=gpu), or those of Ray's tasks (num_cpus=8 num_gpus=1 memory=BYTES)",
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Run the stages that are not up to date, and write the results."""
    from perception_kd.experiments.display import Display
    from perception_kd.experiments.label_sweeps.stage_list import (
        check_label_sweep_files,
        describe_epochs,
        label_sweep_stages,
        make_workspace,
    )
    from perception_kd.experiments.report.label_sweep_page import write_label_sweep_results
    from perception_kd.experiments.report.label_sweep_section import findings
    from perception_kd.experiments.runner import StageRunner
    from perception_kd.experiments.stages import ExperimentError
    from perception_kd.io.atomic import make_writable_folder
    from perception_kd.io.lock import lock_folder

    _check_executor(args)
    work_dir = args.work_dir.absolute() if args.work_dir else Path("work_dirs", args.sweep.stem)
    plan = _read(args)
    workspace = make_workspace(plan, work_dir, args.workers)
    stages = label_sweep_stages(plan, workspace)
    names = [stage.name for stage in stages]
    display = Display(sys.stdout)
    executor = None if args.dry_run or args.report else _make_executor(args, work_dir)
    runner = StageRunner(workspace, stages, display, executor)
    for line in describe_epochs(plan):
        display.text(line)
    if args.dry_run:
        for stage in stages:
            display.text(f"\n{stage.name}: {stage.about}")
            display.command(shlex.join(["python", *stage.command]))
        display.text(f"\n{len(stages)} stages, {plan.seeds} seeds.")
        return
    failures: dict[str, str] = {}
    if not args.report:
        check_label_sweep_files(plan, workspace)
        make_writable_folder("--work-dir", work_dir)
        with lock_folder("--work-dir", work_dir, kept_by_children=True) as lock:
            failures = runner.run(names, lock, keep_going=True)
    done = [name for name, plan in runner.plans().items() if plan.action == "skip"]
    rows = write_label_sweep_results(
        plan, workspace, done=done, failures=failures, seconds=runner.seconds(), root=ROOT
    )
    display.text("")
    for sentence in findings(plan, rows):
        display.text(sentence)
    display.text(f"Table:  {work_dir / 'results.md'}\nReport: {work_dir / 'report.html'}")
    if failures:
        listed = "\n".join(f"  {name} {reason}" for name, reason in failures.items())
        raise ExperimentError(
            f"{len(failures)} of {len(stages)} stages failed or were not run; their logs are in "
            f"{work_dir / 'logs'}:\n{listed}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the label sweep; errors that the user can fix come without a traceback.

    Returns:
        0; 2 if a stage failed or an option is wrong; 128 plus the number of the signal
        that stopped it, which is 130 for Ctrl-C.
    """
    return run_stages_tool(run, lambda: parse_args(argv))


def _read(args: argparse.Namespace) -> "LabelSweepPlan":
    """Read the file and apply the options; paths in it are relative to the project."""
    from dataclasses import replace

    from perception_kd.experiments.label_sweeps.plan_file import read_label_sweep

    path = args.sweep.absolute()
    folders = {
        name: given.absolute()
        for name in ("data_root", "info_root")
        if (given := getattr(args, name))
    }
    os.chdir(ROOT)
    plan = read_label_sweep(path)
    if args.seeds is not None:
        plan = replace(plan, seeds=args.seeds)
    return replace(plan, data=plan.data._replace(**folders))


def _check_executor(args: argparse.Namespace) -> None:
    """Refuse options that the chosen executor would ignore."""
    if args.address is not None and args.executor != "ray":
        raise ValueError("--address is that of a Ray cluster; add --executor ray.")
    if args.executor_options and args.executor == "local":
        raise ValueError(
            "--executor-options are those of a cluster; add --executor slurm, ray or submitit."
        )
    if args.gpus and args.executor != "local":
        option = "num_gpus=1" if args.executor == "ray" else "gpus_per_node=1"
        raise ValueError(
            f"--gpus names GPUs of this machine; with --executor {args.executor}, ask for them by "
            f"--executor-options {option}."
        )


def _make_executor(args: argparse.Namespace, work_dir: Path) -> "Executor":
    from perception_kd.experiments.cluster import ClusterExecutor, open_slurm
    from perception_kd.experiments.executor_options import parse_executor_options
    from perception_kd.experiments.executors import LocalExecutor
    from perception_kd.experiments.ray_arrays import RayArrays
    from perception_kd.io.ray_cluster.connection import AUTO

    if args.executor == "local":
        return LocalExecutor(args.jobs, [gpu for gpu in args.gpus.split(",") if gpu])
    parameters = parse_executor_options(args.executor_options)
    if args.executor == "ray":
        return ClusterExecutor(RayArrays(args.address or AUTO, parameters), args.jobs)
    cluster = "local" if args.executor == "submitit" else "slurm"
    folder = work_dir / "logs" / "cluster"
    arrays = open_slurm(folder, args.jobs, parameters, cluster=cluster)
    return ClusterExecutor(arrays, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
