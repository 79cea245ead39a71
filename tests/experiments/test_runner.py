"""Stages are skipped, resumed and run again as they should be."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from perception_kd.experiments.display import Display
from perception_kd.experiments.executors import environment
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.runner import StageRunner
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamps import Plan, Stamps
from perception_kd.experiments.workspace import Workspace
from tests.experiments.toy_stages import WRITE, ToyStages

FAIL = "import sys; sys.exit('the reason')"


def make_stamps(folder: Path) -> Stamps:
    return Stamps(folder, Folders(Workspace(folder, folder / "data")))


@pytest.fixture
def toy(tmp_path: Path) -> ToyStages:
    return ToyStages(tmp_path)


def test_a_second_run_skips_all_stages(toy: ToyStages) -> None:
    assert toy.run() == ["first", "second"]
    assert toy.run() == []
    assert toy.terminal.getvalue().count("done before, in 0:0") == 2


def test_the_command_of_each_stage_is_shown(toy: ToyStages) -> None:
    toy.run()
    assert "[1/2]   The first stage\n        $ python -c '" in toy.terminal.getvalue()


def test_a_changed_command_reruns_its_stage_and_its_readers(toy: ToyStages) -> None:
    toy.run()
    toy.texts["second"] = "2"
    assert toy.run() == ["second"]
    toy.texts["first"] = "uno"
    assert toy.run() == ["first", "second"]
    assert toy.output("second").read_text() == "uno2"
    assert "again, since the command changed" in toy.terminal.getvalue()
    assert "again, since the output of first changed" in toy.terminal.getvalue()


def plans_of(folder: Path, configs: list[dict[str, Any]]) -> list[Plan]:
    """Run a training once per config; return what was planned each time."""
    stamps, plans = make_stamps(folder), []
    for config in configs:
        stage = Stage("train", "", ("-c", ""), (str(folder / "*.pth"),), config=config)
        settings = stamps.settings_of(stage, [stage])
        plans.append(stamps.plan(stage, settings))
        stamps.begin(stage, settings, plans[-1])
        (folder / "epoch_1.pth").write_text("weights")
        stamps.end(stage, 1.0)
    return plans


def test_a_changed_setting_reruns_its_stage(tmp_path: Path) -> None:
    first, same, changed = plans_of(tmp_path, [{"lr": (rate,)} for rate in (1.0, 1.0, 2.0)])
    assert (first.action, same.action) == ("start", "skip")
    assert changed == ("start", "the setting lr changed")


def test_a_removed_setting_reruns_its_stage(tmp_path: Path) -> None:
    # One without a value is a setting, too.
    configs: list[dict[str, Any]] = [
        {"lr": 1.0, "decay": 0.1, "clip": None},
        {"lr": 1.0, "clip": None},
        {"lr": 1.0},
    ]
    _, *plans = plans_of(tmp_path, configs)
    assert plans == [
        ("start", "the setting decay changed"),
        ("start", "the setting clip changed"),
    ]


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_output_is_written_again(toy: ToyStages, damage: str) -> None:
    toy.run()
    if damage == "missing":
        toy.output("first").unlink()
    else:
        toy.output("first").write_text("o")
    # The new output equals the old one, so the second stage is still up to date.
    assert toy.run() == ["first"]
    assert toy.output("first").read_text() == "one"
    assert "first.txt is missing or was modified" in toy.terminal.getvalue()


def test_a_file_added_by_the_user_is_ignored(tmp_path: Path) -> None:
    stamps = make_stamps(tmp_path)
    stage = Stage("data", "", ("-c", ""), (str(tmp_path / "*.png"),))
    stamps.begin(stage, {}, stamps.plan(stage, {}))
    (tmp_path / "made.png").write_text("made")
    stamps.end(stage, 1.0)
    (tmp_path / "added.png").write_text("added")
    assert stamps.plan(stage, {}).action == "skip"


def test_an_unreadable_stamp_counts_as_none(toy: ToyStages) -> None:
    toy.run()
    (toy.folder / "stages" / "second.json").write_text('{"stage": "sec')
    assert toy.run() == ["second"]


def test_a_failed_stage_shows_its_log_and_is_resumed(toy: ToyStages) -> None:
    toy.scripts["second"] = f"import os\nif not os.path.exists('{toy.folder}/fixed'): {FAIL}\n"
    toy.scripts["second"] += WRITE
    with pytest.raises(ExperimentError, match=r"second failed with status 1(?s:.)*the reason"):
        toy.run()
    assert not toy.output("second").exists()
    (toy.folder / "fixed").touch()
    assert toy.run() == ["second --resume"]
    assert toy.run() == []


@pytest.mark.parametrize("name", ["epoch_2.pth", "last_checkpoint"])
def test_a_stage_whose_checkpoints_are_damaged_starts_over(tmp_path: Path, name: str) -> None:
    script = f"import sys; sys.exit(0 if '--resume' not in sys.argv else {FAIL.split()[-1]!r})"
    folder = tmp_path / "run"
    stage = Stage("train", "", ("-c", script), (), resume=("--resume",), folder=folder)
    stamps = make_stamps(tmp_path)
    stamps.begin(stage, stamps.settings_of(stage, [stage]), Plan("start"))
    folder.mkdir()
    (folder / name).write_bytes(b"")
    terminal = io.StringIO()
    runner = StageRunner(Workspace(tmp_path, tmp_path / "data"), [stage], Display(terminal))
    runner.run(["train"])
    assert "again, since none of its checkpoints is whole" in terminal.getvalue()
    assert not (folder / name).exists()


def test_a_forecast_names_the_stages_that_may_rerun(toy: ToyStages) -> None:
    toy.run()
    assert [plan.action for plan in toy.runner().plans().values()] == ["skip", "skip"]
    toy.texts["first"] = "uno"
    plans = toy.runner().plans()
    assert plans["first"] == ("start", "the command changed")
    assert plans["second"] == ("wait", "if the output of first changes")


def test_an_interrupted_stage_with_new_settings_starts_over(toy: ToyStages) -> None:
    toy.scripts["first"] = FAIL
    with pytest.raises(ExperimentError):
        toy.run()
    toy.scripts["first"] = WRITE
    assert toy.run() == ["first", "second"]


def test_the_time_of_interrupted_runs_counts(toy: ToyStages) -> None:
    toy.run()
    path = toy.folder / "stages" / "first.json"
    stamp = json.loads(path.read_text())
    path.write_text(json.dumps({**stamp, "done": False, "seconds": 100.0}))
    assert toy.run() == ["first --resume"]
    assert toy.runner().seconds()["first"] >= 100.0


def test_a_stage_without_outputs_has_failed(toy: ToyStages) -> None:
    toy.scripts["first"] = ""
    with pytest.raises(ExperimentError, match=r"first ended without writing .*first\.txt"):
        toy.run()


def test_stages_are_rerun_from_a_given_one(toy: ToyStages) -> None:
    toy.run()
    toy.runner().restart_from("second")
    assert [plan.action for plan in toy.runner().plans().values()] == ["skip", "start"]
    toy.runner().restart_from("first")
    assert toy.run() == ["first", "second"]
    with pytest.raises(
        ExperimentError, match="--from: there is no stage third; the stages are first, second"
    ):
        toy.runner().restart_from("third")


def test_files_that_existed_before_are_never_removed(toy: ToyStages) -> None:
    toy.output("first").write_text("precious")
    toy.scripts["first"] = "pass"
    toy.run()
    toy.output("first").write_text("precious, changed")
    with pytest.raises(ExperimentError, match="existed before its first run"):
        toy.run()
    assert toy.output("first").read_text() == "precious, changed"


def make_folder_stage(folder: Path) -> Stage:
    return Stage("train", "", ("-c", ""), (str(folder / "*"),), folder=folder)


def test_the_folder_of_a_stage_is_deleted_before_a_fresh_start(tmp_path: Path) -> None:
    stamps, stage = make_stamps(tmp_path), make_folder_stage(tmp_path / "run")
    stamps.begin(stage, {"lr": 1}, stamps.plan(stage, {"lr": 1}))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "epoch_1.pth").touch()
    # Interrupted, with a checkpoint; then started with other settings.
    stamps.begin(stage, {"lr": 1}, stamps.plan(stage, {"lr": 1}))
    assert (tmp_path / "run" / "epoch_1.pth").exists()
    stamps.begin(stage, {"lr": 2}, stamps.plan(stage, {"lr": 2}))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_no_stage_made_is_left_alone(tmp_path: Path) -> None:
    stamps, stage = make_stamps(tmp_path), make_folder_stage(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with pytest.raises(ExperimentError, match=r"run already exists, but train has not written it"):
        stamps.begin(stage, {}, stamps.plan(stage, {}))
    assert (tmp_path / "run").is_dir()


def test_folders_left_empty_are_removed_with_their_files(tmp_path: Path) -> None:
    stage = Stage("data", "", ("-c", ""), (str(tmp_path / "root" / "**"),))
    stamps = make_stamps(tmp_path)
    stamps.begin(stage, {"size": 1}, stamps.plan(stage, {"size": 1}))
    for folder in ("maps/basemap", "sweeps/empty"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    for name in ("tables.json", "maps/basemap/city.png"):
        (tmp_path / "root" / name).write_text("made")
    stamps.end(stage, 1.0)
    (tmp_path / "root" / "maps" / "of_the_user.txt").write_text("precious")
    stamps.begin(stage, {"size": 2}, stamps.plan(stage, {"size": 2}))
    left = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "root").rglob("*"))
    assert left == ["root/maps", "root/maps/of_the_user.txt"]


def test_commands_use_all_cores_and_idle_threads_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    assert environment()["OMP_NUM_THREADS"] == "3"
    assert environment(2)["OMP_NUM_THREADS"] == "1"
    assert environment()["OMP_WAIT_POLICY"] == "PASSIVE"


def test_thread_settings_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment()["OMP_NUM_THREADS"] == "5"
    assert environment()["OMP_WAIT_POLICY"] == "ACTIVE"
