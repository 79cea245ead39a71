"""The environment's steps: done once, resumed, and refused with a name."""

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import make_env
from tools.make_env import SetupError, Step


class FakePip:
    """Stands in for running commands; fails for those that contain a word."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[str] = []
        self.broken: list[str] = []
        monkeypatch.setattr(make_env, "run", self.run)
        monkeypatch.setattr(make_env, "check_machine", lambda venv: None)
        monkeypatch.setattr(make_env, "create", lambda venv, log: None)

    def run(self, command: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        """Note the command."""
        self.commands.append(" ".join(command[1:]))
        if self.broken and self.broken[0] in self.commands[-1]:
            self.broken.pop(0)
            raise SetupError("broken")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> FakePip:
    return FakePip(monkeypatch)


def test_a_second_run_does_nothing(pip: FakePip, tmp_path: Path) -> None:
    make_env.make(tmp_path, jobs=1)
    assert sum("-m pip install" in command for command in pip.commands) == 6
    pip.commands.clear()
    make_env.make(tmp_path, jobs=8)
    assert pip.commands == []


def test_an_interrupted_run_goes_on_at_its_step(pip: FakePip, tmp_path: Path) -> None:
    pip.broken = ["base.txt"]
    with pytest.raises(SetupError):
        make_env.make(tmp_path, jobs=1)
    pip.commands.clear()
    make_env.make(tmp_path, jobs=1)
    assert "base.txt" in pip.commands[0]
    assert not any("mmcv.txt" in command for command in pip.commands)


def test_a_changed_pin_runs_every_step_again(
    pip: FakePip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_env.make(tmp_path, jobs=1)
    pins = tmp_path / "pins.txt"
    pins.write_text(make_env.PINS.read_text() + "one==1.0\n")
    monkeypatch.setattr(make_env, "PINS", pins)
    pip.commands.clear()
    make_env.make(tmp_path, jobs=1)
    assert sum("-m pip install" in command for command in pip.commands) == 6


def test_mmcv_is_built_again_if_the_cached_wheel_is_broken(pip: FakePip, tmp_path: Path) -> None:
    pip.broken = ["import mmcv.ops"]
    make_env.make(tmp_path, jobs=1)
    first = next(i for i, command in enumerate(pip.commands) if "mmcv.txt" in command)
    assert [("--no-cache-dir" in c, "import" in c) for c in pip.commands[first : first + 4]] == [
        (False, False),
        (False, True),
        (True, False),
        (False, True),
    ]


def test_a_failed_command_shows_the_end_of_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(1)"]
    with pytest.raises(SetupError, match="the reason"):
        make_env.run(command, tmp_path / "log")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SetupError, match="C\\+\\+ compiler no-such-compiler is not on PATH"):
        make_env.check_machine(tmp_path / ".venv")


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(make_env, "FREE_GB", 10**9)
    with pytest.raises(SetupError, match="must have 1000000000 GB free, but has"):
        make_env.check_machine(tmp_path / ".venv")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"version": "3.8"}, r"Python must be 3\.11, but got 3\.8 .* make env PYTHON="),
        ({"version": "3.11", "venv": False, "header": True}, r"has no venv.*python3\.11-venv"),
        ({"version": "3.11", "venv": True, "header": False}, r"Python\.h.*python3\.11-dev"),
    ],
)
def test_a_python_that_will_not_do_is_named(
    monkeypatch: pytest.MonkeyPatch, facts: dict[str, object], expected: str
) -> None:
    monkeypatch.setattr(make_env, "probe", lambda python: facts)
    with pytest.raises(SetupError, match=expected):
        make_env.find_python()


def test_an_interpreter_is_asked_and_a_missing_one_has_no_facts() -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    assert make_env.probe(sys.executable)["version"] == version
    assert make_env.probe("no-such-python") == {}


def test_every_required_package_has_a_pin() -> None:
    pins = dict(
        line.lower().replace("_", "-").split("==")
        for line in make_env.PINS.read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    sources = {path for step in make_env.steps(1) for path in step.sources if path.suffix == ".txt"}
    wanted = {
        Requirement(line)
        for path in sources
        for line in path.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    assert {each.name.lower() for each in wanted} <= pins.keys()
    assert all(each.specifier.contains(pins[each.name.lower()]) for each in wanted)


def test_the_digest_of_a_step_covers_its_files(tmp_path: Path) -> None:
    source = tmp_path / "requirements.txt"
    source.write_text("one")
    step = Step("name", "about", ("-r",), (source,))
    before = step.digest()
    source.write_text("two")
    assert step.digest() != before
