"""Compare the speed and memory of operations with the implementations they replace.

Each line compares two implementations, run alternately in one process: time of the
fastest run, and peak memory beyond inputs and results.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perception_kd.benchmarks import BENCHMARKS, OF_COMMITS, OF_SIZES, run_benchmark
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser

COLUMNS = f"{'name':30} {'ours':>10} {'reference':>10} {'ratio':>6} {'ours':>9} {'reference':>9}"


def positive(text: str) -> int:
    """Read a positive integer."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer, but got {text}")
    return int(text)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"], help="benchmark to run")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument(
        "--repeats", type=positive, default=5, help="timed runs of each implementation (default: 5)"
    )
    parser.add_argument("--threads", type=positive, help="threads of torch (default: all cores)")
    parser.add_argument(
        "--device", default="cpu", help="device, such as cuda or cuda:1 (default: cpu)"
    )
    parser.add_argument(
        "--against",
        type=checkout,
        metavar="DIR",
        help=f"checkout of an earlier commit to compare with; for {' and '.join(OF_COMMITS)}",
    )
    parser.add_argument(
        "--size",
        choices=("demo", "full", "all"),
        help=f"networks and data of {' and '.join(OF_SIZES)} (default: all)",
    )
    args = parser.parse_args(argv)
    for option, names in (("against", OF_COMMITS), ("size", OF_SIZES)):
        if getattr(args, option) and args.name not in ("all", *names):
            parser.error(f"--{option} is for {' and '.join(names)}, not for {args.name}")
    return args


def checkout(text: str) -> Path:
    """Read a folder that holds this project."""
    if not (Path(text) / "perception_kd/__init__.py").exists():
        raise argparse.ArgumentTypeError(
            f"{text} has no perception_kd; create it with git worktree add {text} COMMIT"
        )
    return Path(text).absolute()


def format_row(row: dict[str, Any]) -> str:
    """Format a row as a line of the table; "-" is what was not measured.

    A row of other measures has its own "text"; lines for its "parts" follow.
    """
    if "text" in row:
        return str(row["text"])
    cells = (
        (row["ours_s"], 1e3, "7.1f", " ms", 10),
        (row["reference_s"], 1e3, "7.1f", " ms", 10),
        (row["ratio"], 1, "6.2f", "", 6),
        (row["ours_mb"], 1, ".1f", " MB", 9),
        (row["reference_mb"], 1, ".1f", " MB", 9),
        (row["max_abs_diff"], 1, ".1e", "", 9),
    )
    texts = (
        f"{'-' if value is None else f'{value * factor:{form}}{unit}':>{width}}"
        for value, factor, form, unit, width in cells
    )
    parts = (
        f"\n    {part['name']}: {part['share']:.0%} of the step, {part['seconds'] * 1e3:.1f} ms; "
        f"matrix products alone {part['products_s'] * 1e3:.1f} ms"
        for part in row.get("parts", ())
    )
    return " ".join([f"{row['name']:30}", *texts]) + "".join(parts)


def measure(args: argparse.Namespace) -> None:
    """Run benchmarks and print their rows."""
    import torch

    from perception_kd.benchmarks.harness import BenchmarkSettings, describe_memory

    if torch.device(args.device).type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"torch finds no GPU for --device {args.device}; use --device cpu.")
    if args.threads:
        torch.set_num_threads(args.threads)
    if not args.json:
        print(f"Memory: {describe_memory()}")
        print(f"{COLUMNS} {'max diff':>9}   ({torch.get_num_threads()} threads, {args.device})")
    settings = BenchmarkSettings(args.repeats, args.device, args.against, args.size or "all")
    for name in BENCHMARKS if args.name == "all" else [args.name]:
        for row in run_benchmark(name, settings):
            print(json.dumps(row) if args.json else format_row(row), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; user errors are reported as one line, without a traceback."""
    return run_tool(measure, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
