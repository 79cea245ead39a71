"""The Dockerfiles: linted, and made of files that exist and reach the build."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("docker/*.Dockerfile"))


def read_commands(path: Path) -> list[list[str]]:
    """Return the words of each instruction, with lines that continue joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [line.split() for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line]


def test_there_is_a_file_for_cpus_and_one_for_gpus() -> None:
    assert [path.name for path in FILES] == ["cpu.Dockerfile", "cuda.Dockerfile"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_copied_files_exist_and_are_not_ignored(path: Path) -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = [
        source
        for words in read_commands(path)
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    ]
    assert {"setup.py", "perception_kd", "requirements", "configs", "tools"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists() or name not in kept] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_images_have_versions_and_do_not_run_as_root(path: Path) -> None:
    commands = read_commands(path)
    images = [words[1] for words in commands if words[0] == "FROM"]
    assert all(re.fullmatch(r"[\w/-]+:\d[\w.-]+", image) for image in images)
    assert ["USER", "1000"] in commands
    # Requirement files that commands name.
    named = re.findall(r"requirements/[\w-]+\.txt", path.read_text())
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_constraints_for_gpus_are_the_ranges_of_setup() -> None:
    ranges = re.findall(r'"((?:mmcv|mmdet|numpy)[><=][^"]+)"', (ROOT / "setup.py").read_text())
    assert len(ranges) == 3
    lines = (ROOT / "requirements" / "cuda.txt").read_text().splitlines()
    assert [text for text in ranges if text not in lines] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("needs hadolint (the extra dev)")
    done = subprocess.run([hadolint, str(path)], capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0
