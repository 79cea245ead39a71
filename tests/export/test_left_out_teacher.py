"""Networks whose frozen teacher is not there: model folders, and moved checkpoints."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import perception_kd
from perception_kd.api.inference.building import build_unloaded_model
from perception_kd.engine.config.text import parse_config_text
from tests.api.conftest import Trained, randomize
from tests.export.networks import SMALL_MINKUNET
from tests.models.backbones.test_vision_transformer import save_model
from tools import export

IMGS = np.random.default_rng(0).integers(0, 256, (1, 180, 320, 3), np.uint8)


class Moved(NamedTuple):
    """A network of a machine, all of whose files were moved.

    Attributes:
        checkpoint: Its checkpoint.
        folder: Its model folder.
        teacher: The folder of its teacher, in its new place.
        machine: The place where everything was.
        points: Features of points on the old machine, likewise of images.
        imgs: Features of images.
        cloud: The points.
    """

    checkpoint: Path
    folder: Path
    teacher: Path
    machine: Path
    points: Any
    imgs: Any
    cloud: Any


@pytest.fixture(scope="module")
def moved(trained: Callable[[str], Trained], tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """Train with a vision transformer, export, and move to another machine."""
    base = tmp_path_factory.mktemp("machines")
    here, there = base / "here", base / "there"
    run = trained(SMALL_MINKUNET)
    teacher = here / "teachers" / "dinov2-small"
    save_model("dinov2", teacher)
    content = torch.load(run.path, weights_only=True)
    settings = parse_config_text(content["meta"]["cfg"], "the config")
    network = dict(type="VisionTransformerTeacher", checkpoint=str(teacher))
    settings["model"]["img_backbone"] = dict(type="FrozenBackbone", backbone=network)
    model = randomize(build_unloaded_model(settings["model"], "the config"))
    own = build_unloaded_model(settings["model"], "the config").img_backbone.state_dict()
    model.img_backbone.load_state_dict(own)
    text = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    meta = {**content["meta"], "cfg": text, "dataset_meta": {"command": f"make --root {here}"}}
    torch.save({"state_dict": model.state_dict(), "meta": meta}, here / "x.pth")
    net = perception_kd.load(here / "x.pth", device="cpu")
    feats = (net.points(run.clouds[0]), net.images(IMGS))
    words = [str(here / "x.pth"), "--to", "safetensors", "--out", str(here / "hub")]
    assert export.main(words) == 0
    here.rename(there)
    places = (there / "x.pth", there / "hub", there / "teachers" / "dinov2-small", here)
    return Moved(*places, *feats, run.clouds[0])


def test_points_of_a_moved_folder_need_no_teacher(moved: Moved, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(moved.folder, tmp_path / "download"))
    net = perception_kd.load(alone, device="cpu")
    assert np.abs(moved.points).max() > 0
    assert np.array_equal(net.points(moved.cloud), moved.points)
    message = r"a model folder leaves the weights .* perception_kd.load\(.*, teacher=.FOLDER"
    with pytest.raises(ValueError, match=message):
        net.images(IMGS)
    for name in ("config.json", "README.md"):
        assert str(moved.machine.parent) not in (alone / name).read_text()
    card = (alone / "README.md").read_text()
    assert "weights of the frozen image network that taught are not part of this folder" in card
    assert "| Image network | DINOv2 |" in card


def test_a_teacher_that_is_given_back_computes_as_before(moved: Moved) -> None:
    net = perception_kd.load(moved.folder, device="cpu", teacher=moved.teacher)
    assert np.array_equal(net.images(IMGS), moved.imgs)
    assert np.array_equal(net.points(moved.cloud), moved.points)


def test_another_teacher_is_refused(moved: Moved, tmp_path: Path) -> None:
    save_model("dinov2", tmp_path / "other")
    with pytest.raises(ValueError, match=r"The teacher is not the one of .*: weights is"):
        perception_kd.load(moved.folder, teacher=tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"nothing is there; give the file or folder of"):
        perception_kd.load(moved.folder, teacher="/gone")


def test_a_checkpoint_loads_without_the_folder_of_its_teacher(moved: Moved) -> None:
    net = perception_kd.load(moved.checkpoint, device="cpu")
    assert np.array_equal(net.points(moved.cloud), moved.points)
    with pytest.raises(
        ValueError, match=r"its folder .* is not there\. Features of points need none"
    ):
        net.images(IMGS)
    again = perception_kd.load(moved.checkpoint, device="cpu", teacher=moved.teacher)
    assert np.array_equal(again.images(IMGS), moved.imgs)


def test_a_folder_can_be_exported_again_without_its_teacher(moved: Moved, tmp_path: Path) -> None:
    words = [str(moved.folder), "--to", "safetensors", "--out", str(tmp_path / "again")]
    assert export.main(words) == 0
    net = perception_kd.load(tmp_path / "again", device="cpu", teacher=moved.teacher)
    assert np.array_equal(net.images(IMGS), moved.imgs)


def test_a_program_in_a_checkpoint_is_not_run_and_not_needed(
    moved: Moved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = torch.load(moved.checkpoint, weights_only=True)
    settings = parse_config_text(content["meta"]["cfg"], "the config")
    network = dict(type="CallableTeacher", name="own_teacher:Teacher")
    settings["model"]["img_backbone"]["backbone"] = network
    content["meta"]["cfg"] = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    torch.save(content, tmp_path / "x.pth")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_teacher.py").write_text("raise SystemExit")
    net = perception_kd.load(tmp_path / "x.pth", device="cpu")
    assert np.array_equal(net.points(moved.cloud), moved.points)
    with pytest.raises(ValueError, match=r"is a program, .* teacher=.module:callable"):
        net.images(IMGS)
    with pytest.raises(ValueError, match=r"is a program \(own_teacher:Teacher\); give its"):
        perception_kd.load(tmp_path / "x.pth", teacher=moved.teacher)
