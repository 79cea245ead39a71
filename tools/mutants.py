"""Apply each deliberate fault of tests/mutations.toml alone: the named test must fail.

The checkout is never edited: each worker has a copy of it in a temporary folder.
"""

import argparse
import ast
import contextlib
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tomllib

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = {"data", "work_dirs", "build"}
TIMEOUT = 600.0  # s, of one test
CAUGHT, SURVIVED, SKIPPED, ERROR = "caught", "SURVIVED", "skipped", "ERROR"
PASSED, FAILED = "passed", "FAILED"


@dataclass(frozen=True)
class Mutation:
    """One fault and the test that must fail with it.

    Attributes:
        file: File to edit, relative to the root of the repository.
        old: Text that occurs exactly once in the file.
        new: Text that replaces it.
        test: Path of a test file, "::" and the name of a test.
        why: What is wrong with ``new``.
    """

    file: str
    old: str
    new: str
    test: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


def read_mutations(path: Path) -> list[Mutation]:
    """Return the entries of a TOML file, tables called ``mutation``."""
    return [Mutation(**entry) for entry in tomllib.loads(path.read_text())["mutation"]]


def find_mistakes(mutation: Mutation, root: Path) -> list[str]:
    """Return what keeps a mutation from being tried; empty if nothing does."""
    mistakes = []
    path = root / mutation.file
    count = path.read_text().count(mutation.old) if path.is_file() else None
    if count is None:
        mistakes.append("no such file")
    elif count != 1:
        mistakes.append(f"old must occur exactly once, but occurs {count} times: {mutation.old!r}")
    if mutation.old == mutation.new:
        mistakes.append(f"old and new are the same: {mutation.old!r}")
    test_file, _, test = mutation.test.partition("::")
    if test.partition("[")[0] not in _functions(root / test_file):
        mistakes.append(f"no test {mutation.test}")
    return [f"{mutation.file}: {mistake}" for mistake in mistakes]


def _functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text())) if path.is_file() else []
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


class Copies:
    """Copies of a tree, in each of which one pytest runs at a time.

    Args:
        root: Tree to copy.
        folder: Empty folder for the copies.
        number: How many copies.
    """

    def __init__(self, root: Path, folder: Path, number: int) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()
        self._free: queue.Queue[Path] = queue.Queue()
        for name in map(str, range(number)):
            shutil.copytree(root, folder / name, ignore=_ignore_below(root))
            self._free.put(folder / name)

    def run_unchanged(self, tests: Sequence[str]) -> dict[str, str]:
        """Run tests without a fault; return PASSED, SKIPPED or FAILED of each."""
        with self._take() as copy:
            report = copy / "report.xml"
            report.unlink(missing_ok=True)
            options = ["--continue-on-collection-errors", f"--junitxml={report}"]
            self._run_pytest(copy, [*options, *tests], TIMEOUT * len(tests))
            found = _read_report(report) if report.is_file() else {}
        return {test: found.get(test, FAILED) for test in tests}

    def run_mutated(self, mutation: Mutation) -> str:
        """Run the test of a mutation; return CAUGHT, SURVIVED or ERROR."""
        with self._take() as copy:
            path = copy / mutation.file
            text = path.read_text()
            path.write_text(text.replace(mutation.old, mutation.new))
            code = self._run_pytest(copy, ["-x", mutation.test], TIMEOUT)
            path.write_text(text)
        # Pytest's other codes say that no test ran, for example since an import failed.
        return {0: SURVIVED, 1: CAUGHT}.get(code, ERROR)

    def stop(self) -> None:
        """Kill the processes that run and start no others."""
        self._stopped.set()
        for process in list(self._processes):
            _kill(process)

    @contextlib.contextmanager
    def _take(self) -> Iterator[Path]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def _run_pytest(self, copy: Path, arguments: Sequence[str], timeout: float) -> int:
        temporary = copy / "pytest"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--basetemp={temporary}", *arguments]
        # Bytecode of a file that is edited twice within a second would be out of date.
        env = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        if self._stopped.is_set():
            return -1
        with (copy / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command, cwd=copy, env=env, stdout=output, stderr=output, start_new_session=True
            )
        self._processes.add(process)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            _kill(process)
            self._processes.discard(process)
            shutil.rmtree(temporary, ignore_errors=True)


def _ignore_below(root: Path) -> Callable[[str, list[str]], set[str]]:
    def ignore(folder: str, names: list[str]) -> set[str]:
        top = {name for name in names if name.startswith(".") or name in NOT_COPIED}
        return {"__pycache__"} | (top if Path(folder) == root else set())

    return ignore


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read_report(path: Path) -> dict[str, str]:
    """Return PASSED, SKIPPED or FAILED of each test of a JUnit file.

    One failed case of a parametrized test makes it FAILED, one passed case PASSED.
    """
    cases = defaultdict(set)
    for case in ElementTree.parse(path).iter("testcase"):
        file = case.attrib["classname"].replace(".", "/") + ".py"
        tags = {child.tag for child in case}
        result = FAILED if tags & {"failure", "error"} else SKIPPED if tags else PASSED
        cases[f"{file}::{case.attrib['name'].partition('[')[0]}"].add(result)
    order = (FAILED, PASSED, SKIPPED)
    return {test: min(results, key=order.index) for test, results in cases.items()}


def run_all(mutations: Sequence[Mutation], copies: Copies, workers: int) -> Counter[str]:
    """Try all mutations, print what becomes of each, and count the results."""
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(workers) as pool:
        try:
            tests = sorted({mutation.test for mutation in mutations})
            print(f"Running {len(tests)} tests without a fault", flush=True)
            start = time.monotonic()
            parts = [tests[first::workers] for first in range(min(workers, len(tests)))]
            unchanged: dict[str, str] = {}
            for results in pool.map(copies.run_unchanged, parts):
                unchanged |= results
            for test in tests:
                if unchanged[test] != PASSED:
                    print(f"{unchanged[test]} without a fault: {test}")
            print(f"{time.monotonic() - start:.0f} s", flush=True)

            futures = {
                pool.submit(_try, mutation, unchanged[mutation.test], copies): mutation
                for mutation in mutations
            }
            for number, future in enumerate(as_completed(futures), start=1):
                result, seconds = future.result()
                counts[result] += 1
                place = f"{number:{len(str(len(futures)))}}/{len(futures)}"
                print(f"[{place}] {result:8} {seconds:5.1f} s  {futures[future]}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            copies.stop()
            raise
    return counts


def _try(mutation: Mutation, unchanged: str, copies: Copies) -> tuple[str, float]:
    start = time.monotonic()
    if unchanged == PASSED:
        result = copies.run_mutated(mutation)
    else:
        result = SKIPPED if unchanged == SKIPPED else ERROR
    return result, time.monotonic() - start


def choose(mutations: Sequence[Mutation], args: argparse.Namespace) -> list[Mutation]:
    """Return the mutations that the options ask for, in the order of the file."""
    chosen = [
        mutation
        for mutation in mutations
        if not args.file or any(text in mutation.file for text in args.file)
    ]
    if args.sample is None or args.sample >= len(chosen):
        return chosen
    drawn = random.Random(args.seed).sample(range(len(chosen)), args.sample)
    return [chosen[index] for index in sorted(drawn)]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="TEXT",
        help="use only faults in files whose path contains this text; may be repeated",
    )
    parser.add_argument("--sample", type=int, help="number of faults to draw at random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    parser.add_argument(
        "--workers", type=int, default=2, help="number of tests that run at the same time"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    args = parser.parse_args(argv)
    if args.workers < 1 or (args.sample is not None and args.sample < 1):
        parser.error("--workers and --sample must be at least 1")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 if every fault is caught or its test is skipped on this machine, 1 if one is
        not, 2 if an entry of the file is wrong, 130 after Ctrl-C.
    """
    args = parse_args(argv)
    root = args.root.resolve()
    mutations = read_mutations(root / "tests/mutations.toml")
    mistakes = [mistake for mutation in mutations for mistake in find_mistakes(mutation, root)]
    if mistakes:
        print("error: tests/mutations.toml", *mistakes, sep="\n  ", file=sys.stderr)
        return 2
    chosen = choose(mutations, args)
    if args.list:
        for mutation in chosen:
            print(f"{mutation}\n    {mutation.test}")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="mutants_") as folder:
            copies = Copies(root, Path(folder), args.workers)
            counts = run_all(chosen, copies, args.workers)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return int(counts[SURVIVED] + counts[ERROR] > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
