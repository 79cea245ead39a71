"""Misspelled options are answered with the nearest ones."""

import pytest

from perception_kd.engine.commands.parser import ToolParser
from tools import browse_pairs, create_data, doctor, pretrain, similarity, sweep
from tools import report as report_tool
from tools import test as test_tool
from tools import train as train_tool


@pytest.mark.parametrize(
    ("parse", "words", "meant"),
    [
        (train_tool.parse_args, ["a.py", "--data_root", "x"], "--data-root"),
        (train_tool.parse_args, ["a.py", "--workdir=x"], "--work-dir"),
        (train_tool.parse_args, ["a.py", "--cfg-option", "a=1", "--overwite"], "--overwrite"),
        (test_tool.parse_args, ["a.py", "b.pth", "--formatonly"], "--format-only"),
        (doctor.parse_args, ["--chekpoint", "x"], "--checkpoint"),
        (report_tool.parse_args, ["work", "--ot", "x"], "--out"),
        (
            create_data.parse_args,
            ["nuscenes", "--root", "x", "--version", "v", "--outdir", "y"],
            "--out-dir",
        ),
        (create_data.parse_args, ["synthetic", "--root", "x", "--keyframe-s", "3"], "--keyframes"),
        (
            browse_pairs.parse_args,
            ["--info", "a", "--data-root", "b", "--superpixls", "c"],
            "--superpixels",
        ),
        (pretrain.parse_args, ["drive", "--epoch-s", "3"], "--epochs"),
        (sweep.parse_args, ["a.py", "--dryrun"], "--dry-run"),
        (similarity.parse_args, ["a.py", "b.pth", "--outdir", "c"], "--out-dir"),
    ],
)
def test_a_misspelled_option_is_answered_with_the_nearest(
    parse: object, words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(parse)
    with pytest.raises(SystemExit) as stop:
        parse(words)
    assert stop.value.code == 2
    assert f"did you mean {meant}" in capsys.readouterr().err.splitlines()[-1]


def test_other_errors_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    parser = ToolParser(prog="tool")
    parser.add_argument("--number", type=int)
    for words, message in (
        (["--number", "x"], "tool: error: argument --number: invalid int value: 'x'"),
        (["word"], "tool: error: unrecognized arguments: word"),
        (["--zzzzzz"], "tool: error: unrecognized arguments: --zzzzzz"),
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert capsys.readouterr().err.splitlines()[-1] == message
