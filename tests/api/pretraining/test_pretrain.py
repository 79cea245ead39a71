"""perception_kd.pretrain from a folder of tables to weights that load."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perception_kd
from perception_kd.api.pretraining import pretrain as module
from perception_kd.api.pretraining.settings import STAGES
from tools import pretrain as pretrain_tool
from tools import train as train_tool

NO_WORKERS = perception_kd.PretrainOptions(workers=0)


def list_files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def done(synthetic_nuscenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Pre-train both stages of CALICO for an epoch."""
    out = tmp_path_factory.mktemp("pretrain") / "out"
    before = list_files(synthetic_nuscenes)
    result = perception_kd.pretrain(
        synthetic_nuscenes, "prc+rad", out, epochs=1, options=NO_WORKERS
    )
    assert list_files(synthetic_nuscenes) == before
    return result


def test_weights_of_both_stages_load(done: Any) -> None:
    net = perception_kd.load(done.checkpoint, device="cpu")
    cloud = np.random.default_rng(0).normal(0, 10, (500, 4)) * (1, 1, 0.1, 3)
    assert net.bev(cloud).shape == (96, 128, 128)
    teacher = perception_kd.load(done.checkpoint.parents[1] / "prc", device="cpu")
    assert np.array_equal(net.bev(cloud), teacher.bev(cloud))


def test_choices_are_in_the_report_and_in_the_config(done: Any) -> None:
    report, config = done.report.read_text(), done.config.read_text()
    for text in (report, config):
        assert "networks: rad_r18-lss-small_pillar04-small" in text
        assert "batch size: 1 (3 frames, four steps per epoch)" in text
        assert "epochs: 1 (as given)" in text
    assert "3 frames for training, 3 for validation" in report
    assert "training loss: " in report
    assert f'perception_kd.load("{done.checkpoint}")' in report


def test_the_config_runs_by_itself(done: Any, tmp_path: Path) -> None:
    work_dir = ["--work-dir", str(tmp_path / "again")]
    assert train_tool.main([str(done.config.with_name("prc.py")), *work_dir]) == 0
    first = perception_kd.load(done.checkpoint.parents[1] / "prc", device="cpu")
    again = perception_kd.load(tmp_path / "again", device="cpu")
    weights = again.model.state_dict()
    assert all((value == weights[key]).all() for key, value in first.model.state_dict().items())


def test_the_same_call_trains_nothing_again(
    done: Any, synthetic_nuscenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_training", None)
    out = done.report.parent
    options = ["--method", "prc+rad", "--out", str(out), "--epochs", "1", "--workers", "0"]
    assert pretrain_tool.main([str(synthetic_nuscenes), *options]) == 0


def test_a_stopped_call_prints_its_choices_and_continues(
    done: Any, synthetic_nuscenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = done.report.with_name("pretrain.json")
    content = json.loads(record.read_text())
    del content["finished"]["rad"]
    record.write_text(json.dumps(content))
    resumed = []
    monkeypatch.setattr(module, "run_training", lambda cfg, resume: resumed.append(resume))
    logged = []
    monkeypatch.setattr(module, "print_log", lambda text, logger: logged.append(text))
    out = done.report.parent
    perception_kd.pretrain(synthetic_nuscenes, "prc+rad", out, epochs=1, options=NO_WORKERS)
    assert resumed == ["auto"]
    # Each choice of the config, which has them as comments.
    chosen = [line[2:] for line in done.config.read_text().splitlines() if line[:2] == "# "]
    assert len(chosen) >= 5
    assert logged[1:] == [f"rad: {choice}" for choice in chosen]


def test_a_copied_folder_uses_its_own_files(
    done: Any, synthetic_nuscenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(done.report.parent, tmp_path / "copy")
    record = out / "pretrain.json"
    content = json.loads(record.read_text())
    content["finished"].pop("rad", None)
    record.write_text(json.dumps(content))
    trained = []
    monkeypatch.setattr(module, "run_training", lambda cfg, resume: trained.append(cfg))
    perception_kd.pretrain(synthetic_nuscenes, "prc+rad", out, epochs=1, options=NO_WORKERS)
    for text in (trained[0].pretty_text, (out / "rad.py").read_text()):
        assert str(out / "data") in text
        assert str(done.report.parent) not in text


def test_other_arguments_are_refused(
    done: Any, synthetic_nuscenes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [str(synthetic_nuscenes), "--out", str(done.report.parent)]
    assert pretrain_tool.main([*options, "--method", "prc", "--epochs", "2"]) == 2
    error = capfd.readouterr().err
    assert "was begun with method='prc+rad', epochs=1; call it with these to continue" in error


def test_the_command_knows_the_methods() -> None:
    assert tuple(STAGES) == pretrain_tool.METHODS
