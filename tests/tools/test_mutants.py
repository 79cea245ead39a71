"""The command that shows that deliberate faults are caught, on a toy tree."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import mutants
from tools.mutants import Mutation, find_mistakes

CODE = "def add(a, b):\n    return a + b\n"
TESTS = """
import pytest
from toy.code import add

def test_add():
    assert add(2, 3) == 5

@pytest.mark.parametrize("value", [0, 1])
def test_sign(value):
    assert add(value, 0) >= 0

@pytest.mark.skip
def test_elsewhere():
    pass

def test_broken():
    assert add(1, 1) == 3

def test_slow():
    import pathlib, time
    if add(1, 1) != 2:
        pathlib.Path("{marker}").touch()
        time.sleep(600)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "toy").mkdir(parents=True)
    (root / "toy/__init__.py").touch()
    (root / "toy/code.py").write_text(CODE)
    (root / "tests").mkdir()
    (root / "tests/__init__.py").touch()
    (root / "tests/test_code.py").write_text(TESTS.replace("{marker}", str(tmp_path / "marker")))
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    return root


def write(root: Path, *entries: tuple[str, str, str]) -> None:
    """Write the mutations of `code.py`: old, new and the name of a test."""
    lines = [
        f"[[mutation]]\nfile = 'toy/code.py'\nold = '{old}'\nnew = '{new}'\n"
        f"test = 'tests/test_code.py::{test}'\nwhy = '{new} for {old}'\n"
        for old, new, test in entries
    ]
    (root / "tests/mutations.toml").write_text("\n".join(lines))


def run(root: Path, *options: str) -> int:
    return mutants.main(["--root", str(root), "--workers", "2", *options])


def test_caught_faults_pass(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, ("a + b", "a - b", "test_add"), ("a + b", "-1", "test_sign"))
    assert run(tree) == 0
    assert "2 caught" in capsys.readouterr().out
    assert (tree / "toy/code.py").read_text() == CODE
    assert not list(tree.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("new", "test", "result"),
    [
        ("b + a", "test_add", "SURVIVED"),
        ("a +", "test_add", "ERROR"),  # cannot be imported
        ("a - b", "test_broken", "ERROR"),  # fails without the fault
    ],
)
def test_a_fault_that_is_not_caught_fails(
    tree: Path, capsys: pytest.CaptureFixture[str], new: str, test: str, result: str
) -> None:
    write(tree, ("a + b", new, test), ("a + b", "a - b", "test_add"))
    assert run(tree) == 1
    output = capsys.readouterr().out
    assert f"1 {result}" in output
    assert "1 caught" in output


def test_a_fault_whose_test_is_skipped_here_is_not_tried(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tree, ("a + b", "a - b", "test_elsewhere"))
    assert run(tree) == 0
    assert "1 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "test", "message"),
    [
        ("a * b", "a", "test_add", "exactly once, but occurs 0 times"),
        ("a", "c", "test_add", "exactly once, but occurs"),
        ("a + b", "a + b", "test_add", "the same"),
        ("a + b", "a", "test_nothing", "no test tests/test_code.py::test_nothing"),
    ],
)
def test_a_wrong_entry_is_an_error(
    tree: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, test: str, message: str
) -> None:
    write(tree, (old, new, test))
    assert run(tree) == 2
    assert message in capsys.readouterr().err


def test_a_missing_file_is_an_error(tree: Path) -> None:
    mutation = Mutation("toy/gone.py", "a", "b", "tests/test_code.py::test_add", "gone")
    assert find_mistakes(mutation, tree) == ["toy/gone.py: no such file"]


def test_all_entries_of_this_repository_can_be_tried() -> None:
    mutations = mutants.read_mutations(mutants.ROOT / "tests/mutations.toml")
    assert len(mutations) >= 70
    assert [x for mutation in mutations for x in find_mistakes(mutation, mutants.ROOT)] == []


def test_options_choose_faults(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, *(("a + b", f"a + b + {number}", "test_add") for number in range(1, 9)))
    listed = []
    for options in (["--sample", "3", "--seed", "1"], ["--sample", "3", "--seed", "2"]):
        assert run(tree, "--list", *options) == 0
        listed.append([x for x in capsys.readouterr().out.splitlines() if "toy" in x])
    assert [len(lines) for lines in listed] == [3, 3]
    assert listed[0] != listed[1]
    assert run(tree, "--list", "--file", "other.py") == 0
    assert capsys.readouterr().out == ""
    assert run(tree, "--list", "--file", "code.py", "--file", "other.py") == 0
    assert capsys.readouterr().out.count("toy/code.py") == 8


def test_ctrl_c_ends_all_processes(tree: Path) -> None:
    write(tree, ("a + b", "a - b", "test_slow"), ("a + b", "a - b", "test_add"))
    command = [sys.executable, mutants.__file__, "--root", str(tree), "--workers", "1"]
    temporary = tree.parent / "temporary"
    temporary.mkdir()
    env = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tree.parent / "marker").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Interrupted." in error
    assert b"Traceback" not in error
    assert not list(temporary.iterdir())
