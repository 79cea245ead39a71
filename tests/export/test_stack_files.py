"""Files of weights with settings: their names, and both or none after an error."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from perception_kd.export import stack_files
from perception_kd.export.places import check_weights_name
from perception_kd.export.stack_files import export_weights
from perception_kd.export.stacks import STACKS
from perception_kd.export.weights.translation import Translation
from tests.export.networks import PILLARS
from tests.export.test_settings import read_model

FOUND = Translation(
    state={"backbone_2d.weight": torch.ones(2)},
    pairs=(("pts_backbone.weight", "backbone_2d.weight"),),
    left_out=(),
)


def export(out: Path, stack: str = "mmdet3d") -> list[str]:
    """Export one tensor, with the settings of pillars."""
    network: Any = SimpleNamespace(pts_voxelizer=None)
    return export_weights(network, FOUND, STACKS[stack], out, read_model(PILLARS))


def test_both_files_are_written(tmp_path: Path) -> None:
    lines = export(tmp_path / "w.pth", "openpcdet")
    assert [line.partition(":")[0] for line in lines] == [
        str(tmp_path / "w.pth"),
        str(tmp_path / "w.yaml"),
    ]
    assert list(torch.load(tmp_path / "w.pth", weights_only=True)) == ["model_state"]
    assert "PillarVFE" in (tmp_path / "w.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("w.py", "w.pth"),
        ("w.yaml", "w.pth"),
        ("w.safetensors", "w.pth"),
        ("w", "w.pth"),
        ("v1.0", "v1.0.pth"),
    ],
)
def test_names_of_other_files_are_refused(name: str, better: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"ends in .pth, .* give --out {tmp_path / better}\\.$"):
        export(tmp_path / name, "openpcdet" if name.endswith("yaml") else "mmdet3d")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["w.pth", "w.PT", "v1.0.ckpt"])
def test_names_of_weights_are_taken(name: str) -> None:
    check_weights_name(Path(name))


def test_a_folder_in_place_of_the_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.py").mkdir()
    with pytest.raises(FileExistsError, match=r"w\.py is a folder; give another --out, or remove"):
        export(tmp_path / "w.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["w.py"]


@pytest.mark.parametrize("fails", ["write_whole", "write_weights"])
def test_an_error_leaves_neither_of_two_files(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack_files, fails, fail)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "w.pth")
    assert not list(tmp_path.iterdir())
