"""Reading the text of a config without running it."""

import copy
from pathlib import Path

import pytest
from mmengine import Config

from perception_kd.engine.config.text import parse_config_text
from perception_kd.engine.run.launch import read_config

ROOT = Path(__file__).parents[3]
CONFIGS = sorted(path for path in ROOT.glob("configs/[!_]*/*.py") if path.parent.name != "sweeps")[
    ::9
]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_text_of_a_config_is_read_back(path: Path) -> None:
    cfg = read_config(path)
    text = cfg.pretty_text
    assert parse_config_text(text, "x") == Config.fromstring(text, ".py").to_dict()


def test_a_config_is_written_without_formatting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = copy.deepcopy(read_config(CONFIGS[0]))  # as a runner does

    def format_slowly(*args: object, **settings: object) -> None:
        raise AssertionError("this takes half a second, several times in each training")

    monkeypatch.setattr("mmengine.config.config.FormatCode", format_slowly)
    assert parse_config_text(cfg.pretty_text, "x") == cfg.to_dict()


def test_a_value_that_has_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(f"_base_ = [{str(CONFIGS[0])!r}]\nmodel = dict(own=object())\n")
    with pytest.raises(ValueError, match=r"own\.py has a value .* as Python: own=<object object"):
        read_config(path)


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "a = __import__('os').system('touch ran')",
        "a = dict(b=open('ran', 'w'))",
        "a = open(file='ran', mode='w')",
        "a = [i for i in range(3)]",
        "a = {**b}",
        "a = dict(**b)",
        "a.b = 1",
        "a = b = 1",
        "a = dict(",
        "a = " + "[" * 5000,
    ],
)
def test_any_other_text_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the file must be a config as mmengine writes it"):
        parse_config_text(text, "the file")
    assert not list(tmp_path.iterdir())
