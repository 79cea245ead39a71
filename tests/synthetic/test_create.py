"""Creation of synthetic data: reproducible, resumable, with checked settings."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SyntheticSettings
from tools.create_data import main

SMALL = SyntheticSettings(scenes=2, keyframes=1, sweeps=0, width=64, height=36, azimuths=120)


def digest(root: Path) -> dict[str, str]:
    """Return the hash of each file of a tree."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    return create_synthetic(root, SMALL, workers=0, progress=False)


def test_bytes_do_not_depend_on_the_number_of_workers(made: Path, tmp_path: Path) -> None:
    create_synthetic(tmp_path, SMALL, workers=2, progress=False)
    assert digest(tmp_path) == digest(made)


def test_another_seed_gives_another_scene(made: Path, tmp_path: Path) -> None:
    other = SyntheticSettings(**{**SMALL.as_dict(), "scenes": 1, "seed": 1})
    create_synthetic(tmp_path, other, workers=0, progress=False)
    first, second = (
        json.loads((root / "v1.0-mini" / "sample_annotation.json").read_text())
        for root in (made, tmp_path)
    )
    assert [x["translation"] for x in first[:3]] != [x["translation"] for x in second[:3]]


def test_an_interrupted_run_resumes_to_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perception_kd.synthetic import create

    make_scene = create._make_scene
    numbers: list[int] = []

    def make_one(job: tuple[Path, SyntheticSettings, int]) -> str:
        if numbers:
            raise KeyboardInterrupt
        return make_and_note(job)

    def make_and_note(job: tuple[Path, SyntheticSettings, int]) -> str:
        numbers.append(job[2])
        return make_scene(job)

    monkeypatch.setattr(create, "_make_scene", make_one)
    with pytest.raises(KeyboardInterrupt):
        create_synthetic(tmp_path, SMALL, workers=0, progress=False)
    assert not (tmp_path / "v1.0-mini").exists()
    monkeypatch.setattr(create, "_make_scene", make_and_note)
    create_synthetic(tmp_path, SMALL, workers=0, progress=False)
    assert numbers == [0, 1]
    assert digest(tmp_path) == digest(made)


# Background processes of a shell ignore SIGINT, and so do their children.
LISTENING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = {options!r}
runpy.run_path("tools/create_data.py", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_command_leaves_no_process_behind(tmp_path: Path, name: str) -> None:
    size = ["--keyframes", "4", "--image-size", "64x36", "--beams", "8"]
    options = ["create_data.py", "synthetic", "--root", str(tmp_path), *size]
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING.format(options=options)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    unfinished = tmp_path / ".synthetic_unfinished"
    while not list(unfinished.glob("scene-*.json")):
        assert process.poll() is None
        sleep(0.05)
    if name == "SIGINT":
        # A terminal interrupts the whole process group.
        os.killpg(process.pid, signal.SIGINT)
        assert b"run the same command again" in process.communicate()[0]
        assert process.returncode == 130
    else:
        process.terminate()
        # Reading its output would wait for processes left behind.
        process.wait()
    deadline = monotonic() + 120
    while left := processes_of_session(process.pid):
        assert monotonic() < deadline, left
        sleep(0.05)
    made = {path.name for path in unfinished.glob("scene-*.json")}
    assert 0 < len(made) < 10


def processes_of_session(session: int) -> list[Path]:
    """Return the processes of a session, its leader included."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(path)
    return found


def test_a_complete_data_set_is_left_as_it_is(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    create_synthetic(made, SMALL, workers=0, progress=False)
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_data_with_other_settings_is_refused(made: Path) -> None:
    with pytest.raises(ValueError, match="other settings"):
        create_synthetic(made, SyntheticSettings(seed=5), workers=0, progress=False)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("text")
    with pytest.raises(ValueError, match="is not empty"):
        create_synthetic(tmp_path, SMALL, workers=0, progress=False)


@pytest.mark.parametrize(
    ("name", "value"), [("scenes", 0), ("scenes", 11), ("keyframes", 0), ("sweeps", -1)]
)
def test_settings_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        SyntheticSettings(**{name: value})


def test_the_command_creates_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--scenes", "1", "--keyframes", "1", "--sweeps", "0", "--beams", "8"]
    root = ["synthetic", "--root", str(tmp_path / "data")]
    assert main([*root, *options, "--image-size", "64", "--workers", "0"]) == 2
    assert "--image-size must be WIDTHxHEIGHT, such as 800x450" in capsys.readouterr().err
    assert main([*root, *options, "--image-size", "64x36", "--workers", "0"]) == 0
    assert (tmp_path / "data" / "v1.0-mini" / "sample_data.json").is_file()
