"""Checks of a checkpoint, of the toy model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config

from perception_kd.doctor.checkpoint import check_checkpoint
from perception_kd.doctor.finding import Finding, Level
from perception_kd.engine.run.launch import drop_unreached_schedulers, read_config
from tests.engine.toy import ToyModel, write_config


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return read_config(write_config(tmp_path))


def save(folder: Path, cfg: Config, **changes: Any) -> Path:
    """Write a checkpoint as mmengine's runner does; None leaves an entry out."""
    content = {
        "meta": {"epoch": 4, "iter": 16, "cfg": cfg.pretty_text},
        "state_dict": ToyModel().state_dict(),
        "optimizer": {},
        "param_schedulers": [],
        **changes,
    }
    path = folder / "epoch_4.pth"
    torch.save({name: value for name, value in content.items() if value is not None}, path)
    return path


def check(path: Path, cfg: Config | None) -> list[Finding]:
    return list(check_checkpoint(path, cfg, {}))


def test_a_checkpoint_of_its_config_is_right(tmp_path: Path, cfg: Config) -> None:
    findings = check(save(tmp_path, cfg), cfg)
    assert [finding.level for finding in findings] == [Level.OK] * 4
    text = "\n".join(map(str, findings))
    assert "All 4 tensors are finite" in text
    assert "can be resumed from it (epoch 4, iter 16)" in text
    assert "ToyModel: 100.0% of the parameters match" in text
    assert "with the settings of this config" in text


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_an_unreadable_checkpoint_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "epoch_1.pth"
    if content is not None:
        path.write_bytes(content)
    (finding,) = check(path, None)
    assert finding.level is Level.ERROR
    assert str(path) in str(finding)


def test_weights_that_are_not_finite_are_an_error(tmp_path: Path, cfg: Config) -> None:
    weights = ToyModel().state_dict()
    weights["head.weight"][0, 2] = float("inf")
    first, *_ = check(save(tmp_path, cfg, state_dict=weights), None)
    assert first.level is Level.ERROR
    assert "1 of 4 tensors have NaN or infinity: head.weight" in first.what


def test_a_checkpoint_without_an_optimizer_cannot_be_resumed(tmp_path: Path, cfg: Config) -> None:
    finding = check(save(tmp_path, cfg, optimizer=None), None)[1]
    assert finding.what == "No training can be resumed from it: it has no optimizer."


def test_another_model_is_an_error(tmp_path: Path, cfg: Config) -> None:
    other = {"encoder.weight": torch.zeros(3, 3)}
    finding = check(save(tmp_path, cfg, state_dict=other), cfg)[2]
    assert finding.level is Level.ERROR
    assert "0.0% of the parameters match; 4 missing" in finding.what


def test_another_shape_is_an_error(tmp_path: Path, cfg: Config) -> None:
    weights = {**ToyModel().state_dict(), "head.bias": torch.zeros(7)}
    finding = check(save(tmp_path, cfg, state_dict=weights), cfg)[2]
    assert finding.level is Level.ERROR
    assert "1 of another shape (head.bias (1,) <- (7,))" in finding.what


def test_the_part_that_it_would_start_is_matched(tmp_path: Path, cfg: Config) -> None:
    weights = {f"old.{k}": v for k, v in ToyModel().backbone.state_dict().items()}
    cfg.load_pretrained_from = dict(prefix="old.", module="backbone")
    findings = check(save(tmp_path, cfg, state_dict=weights), cfg)
    assert findings[2].level is findings[3].level is Level.OK
    assert "As --pretrained, backbone, Linear: 100.0%" in findings[3].what
    cfg.load_pretrained_from = dict(prefix="old.", module="neck")
    findings = check(save(tmp_path, cfg, state_dict=weights), cfg)
    assert 'The model has no part "neck"; its parts are' in findings[3].what


def test_settings_that_differ_are_named(tmp_path: Path, cfg: Config) -> None:
    path = save(tmp_path, cfg)
    cfg.optim_wrapper.optimizer.lr = 0.5
    finding = check(path, cfg)[-1]
    assert finding.level is Level.OK
    assert "optim_wrapper.optimizer.lr=0.02, now 0.5" in finding.what
    cfg.model.dropout = 0.1
    assert check(path, cfg)[-1].level is Level.WARNING


def test_the_config_in_a_checkpoint_is_not_run(tmp_path: Path, cfg: Config) -> None:
    ran = tmp_path / "ran"
    text = f"model = dict(type=open({str(ran)!r}, 'w'))"
    path = save(tmp_path, cfg, meta={"epoch": 1, "iter": 1, "cfg": text})
    assert check(path, cfg)[-1].level is Level.WARNING
    assert not ran.exists()


def test_a_model_that_cannot_be_built_is_an_error(tmp_path: Path, cfg: Config) -> None:
    path = save(tmp_path, cfg)
    cfg.model.layers = 3
    finding = check(path, cfg)[-1]
    assert finding.level is Level.ERROR
    assert "unexpected keyword argument 'layers'" in finding.what


def test_a_short_run_is_of_its_config(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(
        path.read_text()
        + "\nparam_scheduler = [dict(type='LinearLR', start_factor=0.1, end=1),"
        + " dict(type='CosineAnnealingLR', begin=50, T_max=50)]\n"
    )
    started = read_config(path)
    drop_unreached_schedulers(started)
    assert len(started.param_scheduler) == 1
    *_, last = check(save(tmp_path, started), read_config(path))
    assert last.what == "It was trained with the settings of this config."
