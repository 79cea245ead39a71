"""Stages are skipped, gone on with and done again as they should."""

import json
from pathlib import Path

import pytest

from perception_kd.experiments.runner import environment, only_one
from perception_kd.experiments.stages import DemoError, Stage, Stamps
from tests.experiments.toy_chain import WRITE, ToyChain

FAIL = "import sys; sys.exit('the reason')"


@pytest.fixture
def toy(tmp_path: Path) -> ToyChain:
    return ToyChain(tmp_path)


def test_a_second_run_does_nothing(toy: ToyChain) -> None:
    assert toy.run() == ["first", "second"]
    assert toy.run() == []
    assert toy.told.getvalue().count("done before, in 0:0") == 2


def test_each_stage_shows_the_command_that_a_user_would_type(toy: ToyChain) -> None:
    toy.run()
    assert "[1/2]   The first stage\n        $ python -c '" in toy.told.getvalue()


def test_a_changed_setting_runs_its_stage_and_what_reads_from_it_again(toy: ToyChain) -> None:
    toy.run()
    toy.texts["second"] = "zwei"
    assert toy.run() == ["second"]
    toy.texts["first"] = "eins"
    assert toy.run() == ["first", "second"]
    assert toy.output("second").read_text() == "einszwei"
    assert "again, since the command changed" in toy.told.getvalue()
    assert "again, since the output of first changed" in toy.told.getvalue()


def test_a_changed_config_runs_its_stage_again(tmp_path: Path) -> None:
    stamps, plans = Stamps(tmp_path / "stages"), []
    for lr in (1.0, 1.0, 2.0):
        stage = Stage("train", "", ("-c", ""), (str(tmp_path / "*.pth"),), config={"lr": (lr,)})
        settings = stamps.settings_of(stage, [stage])
        plans.append(stamps.plan(stage, settings))
        stamps.begin(stage, settings, plans[-1])
        (tmp_path / "epoch_1.pth").write_text("weights")
        stamps.end(stage, 1.0)
    assert [plan.action for plan in plans] == ["start", "skip", "start"]
    assert plans[-1].reason == "the setting lr changed"


@pytest.mark.parametrize("damage", ["cut off", "missing"])
def test_a_broken_output_is_made_again(toy: ToyChain, damage: str) -> None:
    toy.run()
    if damage == "missing":
        toy.output("first").unlink()
    else:
        toy.output("first").write_text("o")
    # What comes out is the same as before, so the second stage has nothing to do.
    assert toy.run() == ["first"]
    assert toy.output("first").read_text() == "one"
    assert "first.txt is missing or not as it was" in toy.told.getvalue()


def test_a_file_that_the_user_adds_changes_nothing(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path / "stages")
    stage = Stage("data", "", ("-c", ""), (str(tmp_path / "*.png"),))
    stamps.begin(stage, {}, stamps.plan(stage, {}))
    (tmp_path / "made.png").write_text("made")
    stamps.end(stage, 1.0)
    (tmp_path / "added.png").write_text("added")
    assert stamps.plan(stage, {}).action == "skip"


def test_a_stamp_that_cannot_be_read_counts_as_none(toy: ToyChain) -> None:
    toy.run()
    (toy.folder / "stages" / "second.json").write_text('{"stage": "sec')
    assert toy.run() == ["second"]


def test_a_failed_stage_shows_the_end_of_its_log_and_goes_on_there(toy: ToyChain) -> None:
    toy.scripts["second"] = f"import os\nif not os.path.exists('{toy.folder}/mended'): {FAIL}\n"
    toy.scripts["second"] += WRITE
    with pytest.raises(DemoError, match=r"second ended with status 1(?s:.)*the reason"):
        toy.run()
    assert not toy.output("second").exists()
    (toy.folder / "mended").touch()
    assert toy.run() == ["second --resume"]
    assert toy.run() == []


def test_a_forecast_says_what_a_change_may_bring_with_it(toy: ToyChain) -> None:
    toy.run()
    assert [plan.action for plan in toy.chain().plans().values()] == ["skip", "skip"]
    toy.texts["first"] = "eins"
    plans = toy.chain().plans()
    assert plans["first"] == ("start", "the command changed")
    assert plans["second"] == ("wait", "if the output of first changes")


def test_a_stopped_stage_whose_settings_have_changed_starts_anew(toy: ToyChain) -> None:
    toy.scripts["first"] = FAIL
    with pytest.raises(DemoError):
        toy.run()
    toy.scripts["first"] = WRITE
    assert toy.run() == ["first", "second"]


def test_the_time_of_stopped_runs_counts(toy: ToyChain) -> None:
    toy.run()
    path = toy.folder / "stages" / "first.json"
    stamp = json.loads(path.read_text())
    path.write_text(json.dumps({**stamp, "done": False, "seconds": 100.0}))
    assert toy.run() == ["first --resume"]
    assert toy.chain().seconds()["first"] >= 100.0


def test_a_stage_that_leaves_nothing_has_failed(toy: ToyChain) -> None:
    toy.scripts["first"] = ""
    with pytest.raises(DemoError, match=r"first must leave .*first\.txt, but did not"):
        toy.run()


def test_stages_run_again_from_one_on(toy: ToyChain) -> None:
    toy.run()
    toy.chain().restart_from("second")
    assert [plan.action for plan in toy.chain().plans().values()] == ["skip", "start"]
    toy.chain().restart_from("first")
    assert toy.run() == ["first", "second"]
    with pytest.raises(DemoError, match="--from must name a stage, but got third; they are first"):
        toy.chain().restart_from("third")


def test_what_was_there_before_the_first_start_is_never_removed(toy: ToyChain) -> None:
    toy.output("first").write_text("precious")
    toy.scripts["first"] = "pass"
    toy.run()
    toy.output("first").write_text("precious, changed")
    with pytest.raises(DemoError, match="was not made by this demo"):
        toy.run()
    assert toy.output("first").read_text() == "precious, changed"


def make_folder_stage(folder: Path) -> Stage:
    return Stage("train", "", ("-c", ""), (str(folder / "*"),), folder=folder)


def test_a_folder_of_a_stage_is_emptied_before_it_starts_anew(tmp_path: Path) -> None:
    stamps, stage = Stamps(tmp_path / "stages"), make_folder_stage(tmp_path / "run")
    stamps.begin(stage, {"lr": 1}, stamps.plan(stage, {"lr": 1}))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "epoch_1.pth").touch()
    # Stopped, with a checkpoint; then asked for with other settings.
    stamps.begin(stage, {"lr": 1}, stamps.plan(stage, {"lr": 1}))
    assert (tmp_path / "run" / "epoch_1.pth").exists()
    stamps.begin(stage, {"lr": 2}, stamps.plan(stage, {"lr": 2}))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_no_stage_made_is_left_alone(tmp_path: Path) -> None:
    stamps, stage = Stamps(tmp_path / "stages"), make_folder_stage(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with pytest.raises(DemoError, match=r"run must not be there before train makes it"):
        stamps.begin(stage, {}, stamps.plan(stage, {}))
    assert (tmp_path / "run").is_dir()


def test_files_go_with_the_folders_that_they_leave_empty(tmp_path: Path) -> None:
    stage = Stage("data", "", ("-c", ""), (str(tmp_path / "root" / "**"),))
    stamps = Stamps(tmp_path / "stages")
    stamps.begin(stage, {"size": 1}, stamps.plan(stage, {"size": 1}))
    (tmp_path / "root" / "maps" / "basemap").mkdir(parents=True)
    for name in ("tables.json", "maps/basemap/city.png"):
        (tmp_path / "root" / name).write_text("made")
    stamps.end(stage, 1.0)
    (tmp_path / "root" / "maps" / "of_the_user.txt").write_text("precious")
    stamps.begin(stage, {"size": 2}, stamps.plan(stage, {"size": 2}))
    left = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "root").rglob("*"))
    assert left == ["root/maps", "root/maps/of_the_user.txt"]


def test_two_demos_do_not_share_a_work_dir(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(DemoError, match="in use by another demo"),
        only_one(tmp_path),
    ):
        pass
    with only_one(tmp_path):
        pass


def test_the_user_decides_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment()["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert int(environment()["OMP_NUM_THREADS"]) >= 1
