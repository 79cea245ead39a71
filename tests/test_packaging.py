"""The package's version and extras are those that its texts name."""

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import setuptools

from perception_kd.utils.extras import install_command
from perception_kd.version import __version__

ROOT = Path(__file__).parents[1]
# The first is for those who work on the project; the others are chosen by a table.
NOT_IN_MESSAGES = {"dev", "mlflow", "trackers"}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what setup.py passes on."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: found.update(kwargs))
    runpy.run_path(str(ROOT / "setup.py"))
    return found


def test_the_version_is_the_newest_of_the_changelog(settings: dict[str, Any]) -> None:
    newest = re.search(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] == __version__ == settings["version"] == "0.3.0"


def test_messages_name_extras_that_exist(settings: dict[str, Any]) -> None:
    named = _find_named_extras()
    assert named <= set(settings["extras_require"])
    # Each extra is named by the error of what needs it.
    assert set(settings["extras_require"]) - named == NOT_IN_MESSAGES


def test_no_message_writes_the_command_itself() -> None:
    paths = [*(ROOT / "perception_kd").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
    own = ROOT / "perception_kd" / "utils" / "extras.py"
    pattern = re.compile(r"""pip install [^\n]*\[\w+\]|pip install -e ["']""")
    assert [str(path) for path in paths if path != own and pattern.search(path.read_text())] == []


def test_docs_name_extras_that_exist(settings: dict[str, Any]) -> None:
    texts = "\n".join(path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    named = set(re.findall(r'pip install (?:-e )?"(?:\.|perception-kd)\[(\w+)\]"', texts))
    assert {"demo", "onnx", "rerun", "rosbag"} <= named <= set(settings["extras_require"])


def _find_named_extras() -> set[str]:
    """Return the extras that calls of install_command name as a string."""
    name = install_command.__name__
    calls = [
        node
        for path in (ROOT / "perception_kd").rglob("*.py")
        if name in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name
    ]
    arguments = [call.args[0] for call in calls]
    return {str(a.value) for a in arguments if isinstance(a, ast.Constant)}
