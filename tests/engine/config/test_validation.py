"""A training without validation data says so and trains."""

from pathlib import Path

import pytest
from mmengine import Config

from perception_kd.engine.config.validation import check_test_file, leave_out_validation


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    dataset = dict(data_root=str(tmp_path), info_root=None, ann_file="infos_val.pkl")
    return Config(
        dict(val_dataloader=dict(dataset=dataset), val_cfg=dict(), val_evaluator=dict(type="X"))
    )


def test_validation_without_an_info_file_is_left_out(cfg: Config, tmp_path: Path) -> None:
    said = leave_out_validation(cfg)
    assert said.startswith(f"There is no {tmp_path / 'infos_val.pkl'}: this training has no valid")
    assert cfg.val_dataloader is cfg.val_cfg is cfg.val_evaluator is None
    assert leave_out_validation(cfg) == ""


def test_validation_with_an_info_file_stays(cfg: Config, tmp_path: Path) -> None:
    (tmp_path / "infos_val.pkl").touch()
    assert leave_out_validation(cfg) == ""
    assert cfg.val_evaluator == dict(type="X")


def test_a_missing_test_file_names_that_of_training(tmp_path: Path) -> None:
    dataset = dict(info_root=str(tmp_path), ann_file="folder_infos_val.pkl")
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    (tmp_path / "folder_infos_train.pkl").touch()
    with pytest.raises(FileNotFoundError, match=r"dataset\.ann_file=folder_infos_train\.pkl"):
        check_test_file(cfg)
    (tmp_path / "folder_infos_val.pkl").touch()
    check_test_file(cfg)
