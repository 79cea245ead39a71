"""The --help of every tool, command and example answers without the heavy packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import create_data

ROOT = Path(__file__).parents[2]
TOOLS = [[str(path)] for path in sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("examples/*.py")])]
COMMANDS = [["tools/create_data.py", name] for name in create_data.COMMANDS]
HEAVY = ("torch", "mmengine", "mmdet3d", "cv2", "matplotlib", "numpy")
SHOW_HELP = f"""
import runpy, sys
sys.argv = [*sys.argv[1:], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("imported:", *(name for name in {HEAVY} if name in sys.modules))
"""


@pytest.mark.parametrize("words", TOOLS + COMMANDS, ids=lambda words: Path(words[-1]).stem)
def test_help_imports_no_heavy_package(words: list[str]) -> None:
    command = [sys.executable, "-c", SHOW_HELP, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: ")
    assert done.stdout.splitlines()[-1] == "imported:"
