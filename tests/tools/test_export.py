"""tools/export.py: what it prints, and what it refuses in one line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.api.conftest import Trained, trained
from tools import export, import_weights

__all__ = ["trained"]

PILLARS = "calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus.py"


@pytest.fixture
def checkpoint(trained: Callable[[str], Trained]) -> Path:
    """A checkpoint of PRC."""
    return trained(PILLARS).path


def test_a_list_has_the_names_in_both_stacks(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.main([str(checkpoint), "--to", "openpcdet", "--list"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"pts_backbone\.blocks\.0\.0\.weight -> backbone_2d\.blocks\.0\.1", printed)
    assert "pts_projector.layers.0.weight -> left out" in printed
    assert not checkpoint.with_name(f"{checkpoint.stem}_openpcdet.pth").exists()


def test_a_file_beside_the_checkpoint_has_the_entry_of_the_stack(
    checkpoint: Path, tmp_path: Path
) -> None:
    source = tmp_path / "epoch_8.pth"
    source.write_bytes(checkpoint.read_bytes())
    assert export.main([str(tmp_path), "--to", "openpcdet", "--spconv", "1"]) == 0
    content = torch.load(tmp_path / "epoch_8_openpcdet.pth", weights_only=True)
    assert list(content) == ["model_state"]
    assert "vfe.pfn_layers.0.linear.weight" in content["model_state"]


@pytest.mark.parametrize(
    "options",
    [
        ["safetensors", "--leave-out", "img_backbone."],
        ["onnx", "--leave-out", "img_backbone."],
        ["onnx", "--license", "mit"],
        ["safetensors", "--spconv", "1"],
        ["openpcdet", "--views", "3"],
        ["openpcdet", "--name", "mine"],
    ],
)
def test_options_of_other_targets_are_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        export.parse_args(["a.pth", "--to", *options])
    assert f"{options[1]} has no effect with --to {options[0]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["no.pth", "--to", "mmdet3d"], "No checkpoint at no.pth"),
        (["{damaged}", "--to", "mmdet3d"], "is truncated"),
        (["{}", "--to", "pointcept"], "have no place in pointcept"),
        (["{}", "--to", "mmdet3d", "--out", "{folder}"], "exists; give another --out"),
        (["{}", "--to", "mmdet3d", "--leave-out", "head"], 'no tensor begins with "head"'),
        (["{}", "--to", "bevfusion", "--spconv", "2"], "layout of spconv 1"),
        (["{}", "--to", "safetensors", "--out", "{folder}"], "exists; give another --out"),
        (["{}", "--to", "mmdet3d", "--out", "{folder}/z.py"], "/z.pth."),
    ],
)
def test_user_errors_are_one_line(
    options: list[str],
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(checkpoint.read_bytes()[:-5000])
    places = {"damaged": str(damaged), "folder": str(tmp_path)}
    words = [word.format(str(checkpoint), **places) for word in options]
    assert export.main(words) == 2
    # Loggers of tests before may write to streams that are closed.
    lines = capfd.readouterr().err.splitlines()
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert lines[-1] == error
    assert message in error


@pytest.mark.parametrize(
    ("tool", "words", "message"),
    [
        (export, ["x.pth", "--to", "mmdetection"], "invalid choice: 'mmdetection'"),
        (export, ["x.pth", "--to", "onnx", "--list"], "--list is of names in other stacks"),
        (export, ["x.pth", "--to", "onnx", "--views", "0"], "must be positive"),
        (import_weights, ["x.pth", "--from", "onnx"], "invalid choice: 'onnx'"),
    ],
)
def test_wrong_options_are_refused(
    tool: object, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tool.main(words)  # type: ignore[attr-defined]
    assert message in capsys.readouterr().err
