"""The --help of every tool answers without the heavy packages."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = [path for path in sorted(ROOT.glob("tools/*.py")) if path.stem != "create_data"]
HEAVY = ("torch", "mmengine", "mmdet3d", "cv2", "matplotlib", "numpy")
SHOW_HELP = f"""
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("imported:", *(name for name in {HEAVY} if name in sys.modules))
"""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_help_imports_no_heavy_package(tool: Path) -> None:
    command = [sys.executable, "-c", SHOW_HELP, str(tool)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: ")
    assert done.stdout.splitlines()[-1] == "imported:"
