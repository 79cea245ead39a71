"""User errors become one line; other errors keep their traceback."""

import argparse
import errno
import linecache
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import Registry
from torch.utils.data import DataLoader, Dataset

from perception_kd.engine.commands.command_line import add_run_options, run_tool
from perception_kd.engine.ending import explaining
from perception_kd.engine.ending.explaining import explain_error
from perception_kd.engine.ending.set_up_errors import explain_set_up
from perception_kd.io.workers import run_jobs
from perception_kd.superpixels.backends import get_backend
from perception_kd.utils.checks import check_shape
from perception_kd.utils.ending import advise_if_stopped
from tests.faults import ROOT

STOPPED = "\nStopped. To continue, run the same command again.\n"


class BrokenDataset(Dataset[None]):
    """Fails in a worker: as this package says it, or as a bug would."""

    def __init__(self, bug: bool) -> None:
        self.bug = bug

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        if self.bug:
            int("bug")
        check_shape("points", np.zeros((2, 4)), ("N", 3))


def explain_worker_error(bug: bool) -> str | None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # its text is the test
        list(DataLoader(BrokenDataset(bug), num_workers=1))
    return explain_error(caught.value)


def test_errors_of_the_package_are_one_line() -> None:
    with pytest.raises(ValueError, match="points") as caught:
        check_shape("points", np.zeros((2, 4)), ("N", 3))
    assert explain_error(caught.value) == "points must have shape (N, 3), but got (2, 4)."


def test_errors_in_a_worker_are_the_same_line() -> None:
    assert explain_worker_error(bug=False) == "points must have shape (N, 3), but got (2, 4)."


def test_a_bug_keeps_its_traceback() -> None:
    assert explain_worker_error(bug=True) is None
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("bug")
    assert explain_error(caught.value) is None
    assert explain_error(TypeError("bug")) is None


def test_a_missing_file_is_one_line_wherever_it_is_read() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert "/no/such/file" in str(explain_error(caught.value))


def test_a_message_of_ours_is_shown_as_it_is() -> None:
    assert explain_error(FileNotFoundError("No regions of a."), "/work") == "No regions of a."
    cut = OSError("143990 requested and 44032 written")
    assert explain_error(cut, "/work") == "/work: 143990 requested and 44032 written"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError) as caught:
        (file / "folder").mkdir(parents=True)
    assert str(file) in str(explain_error(caught.value))


@pytest.mark.slow
def test_user_errors_of_worker_processes_are_explained() -> None:
    with pytest.raises(ValueError, match="backend") as caught:
        list(run_jobs(get_backend, ["no_such_backend"], workers=1))
    assert explain_error(caught.value) == str(caught.value)
    with pytest.raises(ValueError, match="invalid literal") as caught:
        list(run_jobs(int, ["text"], workers=1))
    assert explain_error(caught.value) is None


def test_a_path_among_options_is_taken_as_it_is(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    path = tmp_path / "a b, [1]" / "epoch_1.pth"
    path.parent.mkdir()
    path.touch()
    given = [f"model.teacher={path}", "a.b=[1,2]", "c=3", "d=no/such, file"]
    options = parser.parse_args(["--cfg-options", *given]).cfg_options
    assert options == {"model.teacher": str(path), "a.b": [1, 2], "c": 3, "d": ["no/such", "file"]}


def run_own_code(line: str) -> None:
    """Run a line as if it stood in the package."""
    path = str(Path(explaining.__file__).with_name("line.py"))
    linecache.cache[path] = (len(line), None, [line], path)
    exec(compile(line, path, "exec"), {"np": np})


def test_what_a_library_says_is_no_refusal_of_ours() -> None:
    for line in ("np.zeros((2, 3))[:] = np.zeros(4)", "np.zeros(5).reshape(9)", "float('x')"):
        with pytest.raises(ValueError, match=r"broadcast|reshape|convert") as caught:
            run_own_code(line)
        assert explain_error(caught.value) is None
    with pytest.raises(ValueError, match="own") as caught:
        run_own_code("raise ValueError('own')")
    assert explain_error(caught.value) == "own"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "Free space"),
        (errno.EROFS, "Choose a folder that you may write to"),
        (errno.EACCES, "Choose a folder that you may write to"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENAMETOOLONG, "shorter path"),
        (errno.EIO, "Its disk or network drive fails"),
        (errno.ENOMEM, "Memory is full"),
    ],
)
def test_a_refusal_of_the_system_names_path_and_remedy(code: int, remedy: str) -> None:
    reason = os.strerror(code)
    line = str(explain_error(OSError(code, reason, "/data/file"), "/work"))
    assert f"{reason}: '/data/file'. " in line
    assert remedy in line
    without_path = str(explain_error(OSError(code, reason), "/work"))
    assert f"{reason}: somewhere in /work. " in without_path


@pytest.mark.parametrize(
    "text",
    [
        "DataLoader worker (pid 12) is killed by signal: Killed. ",
        "DataLoader worker (pid(s) 12, 13) exited unexpectedly",
    ],
)
def test_a_killed_loader_worker_is_explained(text: str) -> None:
    line = str(explain_error(RuntimeError(text)))
    assert "memory" in line
    assert "num_workers=1" in line
    assert explain_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


@pytest.mark.parametrize("settings", [dict(type="Linear"), dict(type="NoSuchLayer")])
def test_a_part_that_cannot_be_built_is_one_line(settings: dict[str, str]) -> None:
    registry = Registry("layer")
    registry.register_module(module=torch.nn.Linear)
    with pytest.raises((TypeError, KeyError)) as caught:
        registry.build({**settings, "tasks": [["car"], ["pedestrian"]]})
    line = str(explain_set_up(caught.value, runs_config=False))
    assert line.startswith("A part of the config cannot be built: ")
    assert line.endswith(". Correct its type or its settings.")
    assert "\n" not in line


def test_a_checkpoint_that_torch_cannot_write_is_explained() -> None:
    error = RuntimeError("[enforce fail at inline_container.cc:603] . unexpected pos 64 vs 0")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert "No space left on device: somewhere in /work. Free" in str(explain_error(error, "/work"))
    alone = RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
    assert "could not be written to /work. Check that its disk has space" in str(
        explain_error(alone, "/work")
    )


# In a process of its own, which ends some time after the signal whatever it does.
SWALLOWED = """
import argparse, signal, sys
from perception_kd.engine.commands.command_line import run_tool

def command(args):
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException as error:
        raise SyntaxError("Failed to format the config file") from error

sys.exit(run_tool(command, argparse.Namespace))
"""


def test_a_stop_that_a_library_took_for_an_error_is_a_stop() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, STOPPED)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 3 TiB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB.\nMore."),
        RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: 9 bytes."),
    ],
)
def test_full_memory_is_one_line(error: Exception) -> None:
    line = str(explain_error(error))
    assert line.endswith("Memory is full; use fewer workers or smaller batches.")
    assert "\n" not in line


def test_an_unknown_error_asks_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    def command(args: argparse.Namespace) -> None:
        raise IndexError("bug")

    assert run_tool(command, argparse.Namespace) == 1
    *trace, last = capsys.readouterr().err.splitlines()
    assert trace[0].startswith("Traceback")
    assert trace[-1] == "IndexError: bug"
    assert last.startswith("error: the lines above are a bug of perception_kd")


def test_a_traceback_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(args: argparse.Namespace) -> None:
        raise FileNotFoundError("No file.")

    assert run_tool(command, argparse.Namespace) == 2
    assert capsys.readouterr().err == "error: No file.\n"
    monkeypatch.setenv("PERCEPTION_KD_TRACEBACK", "1")
    assert run_tool(command, argparse.Namespace) == 2
    assert capsys.readouterr().err.startswith("Traceback")


def test_a_signal_while_options_are_read_is_a_stop(capsys: pytest.CaptureFixture[str]) -> None:
    code = """
import argparse, signal, sys
from perception_kd.engine.commands.command_line import run_tool

def parse():
    signal.raise_signal(signal.SIGINT)

sys.exit(run_tool(print, parse, lambda args: args.unknown))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, STOPPED)


@pytest.mark.parametrize(("lines", "status"), [(1, 141), (100_000, 0)])
def test_an_output_that_nobody_reads_is_no_error(lines: int, status: int) -> None:
    code = """
import argparse, sys
from perception_kd.engine.commands.command_line import run_tool

def command(args):
    for number in range(50_000):
        print(number)

sys.exit(run_tool(command, argparse.Namespace))
"""
    script = f'"$0" -c "$1" | head -n {lines} > /dev/null; exit ${{PIPESTATUS[0]}}'
    words = ["bash", "-c", script, sys.executable, code]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (status, "")


def test_an_output_on_a_full_disk_is_one_line() -> None:
    code = """
import argparse, sys
from perception_kd.engine.commands.command_line import run_tool
sys.exit(run_tool(lambda args: print("text"), argparse.Namespace))
"""
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-c", code]
        buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=buffered)
    assert done.returncode == 2
    assert done.stderr.startswith("error: [Errno 28] No space left on device: 'standard output'.")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("model={'type': 'A'}", "model={'type': 'A'}: a value cannot be a dict; give its settings"),
        ("model=dict(type=A)", "one by one: model.NAME=VALUE"),
        ("a.b=[{type:A}]", "one by one: a.b.NAME=VALUE"),
        ("a.b=[1,2", "--cfg-options a.b=[1,2: Imbalanced brackets"),
    ],
)
def test_a_value_that_cannot_be_read_is_one_line(
    option: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--cfg-options", "c=1", option])
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]
    template = "hooks.filename_tmpl={}_{:06d}.pth"
    assert parser.parse_args(["--cfg-options", template]).cfg_options


def test_a_stop_that_comes_in_a_callback_is_not_lost() -> None:
    code = """
import argparse, signal, sys, time
from perception_kd.engine.commands.command_line import run_tool

class Callback:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def command(args):
    Callback()
    time.sleep(100)

sys.exit(run_tool(command, argparse.Namespace))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (143, STOPPED)


def test_a_stopped_tool_does_not_collect_what_it_has_imported() -> None:
    code = """
import argparse, atexit, gc, signal, sys
atexit.register(lambda: print(gc.get_freeze_count() > 1000))  # called last
from perception_kd.engine.commands.command_line import run_tool

def command(args):
    signal.raise_signal(signal.SIGTERM)

sys.exit(run_tool(command, argparse.Namespace))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (143, "True\n", STOPPED)


def test_a_stopped_block_says_how_to_continue(capsys: pytest.CaptureFixture[str]) -> None:
    def command(args: argparse.Namespace) -> None:
        with advise_if_stopped("Outer."), advise_if_stopped("Inner."):
            raise KeyboardInterrupt

    assert run_tool(command, argparse.Namespace) == 130
    assert capsys.readouterr().err == "\nStopped. Inner.\n"
    # A tool of several commands continues all of them.
    assert run_tool(command, argparse.Namespace, "Tool.") == 130
    assert capsys.readouterr().err == "\nStopped. Tool.\n"


IMPORTING = """
import argparse, sys, time
from perception_kd.engine.commands.command_line import run_tool

def command(args):
    import slow
    time.sleep(100)

sys.exit(run_tool(command, argparse.Namespace))
"""


@pytest.mark.parametrize(("pauses", "shown"), [(2, "done\n"), (1000, "")])
def test_a_stop_waits_a_second_for_the_end_of_an_import(
    pauses: int, shown: str, tmp_path: Path
) -> None:
    # Module after module, as the imports of torch.
    waits = f"for _ in range({pauses}):\n    time.sleep(0.1)\nprint('done')"
    (tmp_path / "slow.py").write_text(
        f"import signal, time\nsignal.raise_signal(signal.SIGINT)\n{waits}"
    )
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, shown, STOPPED)
