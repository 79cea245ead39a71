"""A config in a copied folder runs nothing but what would be written there."""

import copy
from pathlib import Path
from typing import Any

import pytest

from perception_kd.api.pretraining.hardware import Hardware
from perception_kd.api.pretraining.length import Length, set_length
from perception_kd.api.pretraining.pretrain import _write_config
from perception_kd.api.pretraining.settings import Choice, apply_arguments, make_settings
from perception_kd.api.pretraining.written_config import read_written_config
from tests.api.pretraining.test_settings import CACHES, make_data


def make_config(stage: str, data: str = "/data", **arguments: Any) -> Any:
    machine = Hardware(0, 0.0, 2)
    cfg, _ = make_settings(stage, make_data(data_root=Path(data)), machine, CACHES)
    apply_arguments(cfg, {"seed": 0, "teacher": "", **arguments})
    set_length(cfg, Length(1, 1, 1), 30.0, None)
    return cfg


@pytest.fixture(scope="module")
def expected() -> Any:
    return make_config("slidr")


@pytest.mark.parametrize("stage", ["slidr", "ppkt", "prc", "rad"])
def test_a_copied_folder_keeps_its_numbers_and_uses_its_own_files(
    stage: str, tmp_path: Path
) -> None:
    written = make_config(stage, data="/elsewhere", seed=3)
    set_length(written, Length(12, 2, 50), None, 0.5)
    written.optim_wrapper.optimizer.lr = 0.5
    written.custom_hooks = make_config(stage).custom_hooks
    path = tmp_path / "stage.py"
    _write_config(path, written, [Choice("epochs", "12", 'a "reason"')])
    found = read_written_config(path, make_config(stage))
    assert found.optim_wrapper.optimizer.lr == 0.5
    assert found.train_cfg.max_epochs == 12
    assert found.randomness.seed == 3
    assert found.data_root == found.train_dataloader.dataset.data_root == "/data"
    assert "/elsewhere" not in found.pretty_text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model.pts_backbone.type", "os.system"),
        ("custom_imports", dict(imports=["evil"])),
        ("runner_type", "os.system"),
        ("default_scope", "evil"),
        ("optim_wrapper.constructor", "os.system"),
        ("train_dataloader.collate_fn", dict(type="os.system")),
        ("model.img_backbone.backbone.out_strides", [16, 32]),
        ("load_from", "evil.pth"),
        ("custom_hooks", [dict(type="os.system", minutes=1)]),
    ],
)
def test_other_names_and_settings_are_refused(
    expected: Any, setting: str, value: Any, tmp_path: Path
) -> None:
    found = copy.deepcopy(expected)
    found.merge_from_dict({setting: value})
    path = tmp_path / "slidr.py"
    path.write_text(found.pretty_text)
    with pytest.raises(ValueError, match=rf"slidr\.py differs in {setting}.* remove it\.$"):
        read_written_config(path, expected)


def test_a_teacher_that_was_not_given_is_refused(expected: Any, tmp_path: Path) -> None:
    path = tmp_path / "slidr.py"
    path.write_text(make_config("slidr", teacher="evil:net").pretty_text)
    with pytest.raises(ValueError, match=r"differs in model\.img_backbone\.backbone\.\w+ from"):
        read_written_config(path, expected)


@pytest.mark.parametrize("code", ["import os", "work_dir = open('x', 'w')", "print()"])
def test_code_is_refused(expected: Any, code: str, tmp_path: Path) -> None:
    path = tmp_path / "slidr.py"
    path.write_text(f'"""Settings."""\n{expected.pretty_text}\n{code}\n')
    with pytest.raises(ValueError, match=r"of values and dict.* only, but got another text"):
        read_written_config(path, expected)
