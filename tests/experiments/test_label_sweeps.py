"""The file of a sweep becomes stages, and their scores tables and a page."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perception_kd.datasets.scene_lists import every_nth_scene, read_scene_list
from perception_kd.experiments.configs import config_settings
from perception_kd.experiments.label_sweeps.label_shares import share_options
from perception_kd.experiments.label_sweeps.plan_file import read_label_sweep
from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan, for_share
from perception_kd.experiments.label_sweeps.stage_list import (
    check_label_sweep_files,
    describe_epochs,
    label_sweep_stages,
    make_workspace,
)
from perception_kd.experiments.label_sweeps.tables import format_csv, format_markdown, result_rows
from perception_kd.experiments.report.label_sweep_page import write_label_sweep_results
from perception_kd.experiments.report.label_sweep_section import findings
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.trials import Trial
from perception_kd.io.atomic import write_json

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "configs" / "sweeps").glob("*.py"))
SLIDR = "configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py"
PROBE = "configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
DET = "configs/det/det_pillar02_8xb4-cyclic-20e_nus.py"
CONTENT = {
    "data": {"synthetic": []},
    "labels": [10, 100],
    "seeds": 2,
    "initializations": {"slidr": {"about": "SLidR", "config": SLIDR}},
    "tasks": {"probe": {"about": "Probe", "config": PROBE}},
}


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def write_file(folder: Path, **changes: Any) -> Path:
    path = folder / "trial.py"
    content = {**CONTENT, **changes}
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in content.items()))
    return path


def make(folder: Path, **changes: Any) -> tuple[LabelSweepPlan, list[Stage]]:
    plan = read_label_sweep(write_file(folder, **changes))
    return plan, label_sweep_stages(plan, make_workspace(plan, folder / "out"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_stages_in_order(path: Path, tmp_path: Path) -> None:
    plan = read_label_sweep(path)
    names: list[str] = []
    for stage in label_sweep_stages(plan, make_workspace(plan, tmp_path)):
        assert set(stage.inputs) <= set(names), stage.name
        assert (ROOT / stage.command[0]).is_file()
        names.append(stage.name)
    assert len(names) == len(set(names))
    assert len(describe_epochs(plan)) == len(plan.tasks)


def test_a_cell_is_a_training_and_its_evaluation(tmp_path: Path) -> None:
    _, stages = make(tmp_path)
    assert [stage.name for stage in stages[:7]] == [
        *("data", "infos", "superpixels", "pretrain-slidr-seed0"),
        *("probe_10pct-random-seed0", "probe_10pct-random-seed0-test", "probe_10pct-slidr-seed0"),
    ]
    commands = {stage.name: " ".join(stage.command) for stage in stages}
    few, whole = commands["probe_10pct-slidr-seed1"], commands["probe_100pct-slidr-seed1"]
    assert "--seed 1" in few
    assert f"--pretrained {tmp_path}/out/pretrain/slidr/seed1/epoch_4.pth" in few
    assert few.endswith("--cfg-options train_dataloader.dataset.sample_step=10")
    assert whole.endswith("--cfg-options train_dataloader.dataset.sample_step=1")
    assert len(stages) == 3 + 2 * (1 + 2 * 2 * 2)


def test_students_of_one_teacher_share_its_cache(tmp_path: Path) -> None:
    cached = str(SLIDR).replace("slidr_", "slidr-cached_")
    students = {key: {"about": key, "config": cached} for key in ("first", "second")}
    _, stages = make(tmp_path, initializations=students)
    by_name = {stage.name: stage for stage in stages}
    assert [stage.name for stage in stages[:4]] == [
        *("data", "infos", "superpixels", "teacher-efflite0")
    ]
    assert by_name["teacher-efflite0"].inputs == ("data", "infos", "superpixels")
    for student in students:
        assert "teacher-efflite0" in by_name[f"pretrain-{student}-seed1"].inputs


def test_cells_differ_only_in_what_is_compared(tmp_path: Path) -> None:
    _, stages = make(tmp_path)
    commands = {stage.name: list(stage.command) for stage in stages}
    given = commands["probe_10pct-slidr-seed0"]
    place = given.index("--pretrained")
    without = [word.replace("/slidr/", "/random/") for word in given[:place] + given[place + 2 :]]
    assert without == commands["probe_10pct-random-seed0"]


def test_random_weights_may_have_a_config_of_their_own(tmp_path: Path) -> None:
    plan = read_label_sweep(ROOT / "configs" / "sweeps" / "slidr_nus.py")
    stages = {s.name: s for s in label_sweep_stages(plan, make_workspace(plan, tmp_path))}
    assert "lidarseg-scratch_" in stages["finetune_1pct-random-seed0"].command[1]
    assert "lidarseg-scratch_" in stages["finetune_1pct-random-seed0-test"].command[1]
    assert "lidarseg-finetune_" in stages["finetune_1pct-slidr-seed0"].command[1]


def test_epochs_follow_the_share(tmp_path: Path) -> None:
    task = {"about": "Probe", "config": PROBE, "epochs": {10: 45, 100: 25}}
    plan, stages = make(tmp_path, tasks={"probe": task})
    by_name = {stage.name: stage for stage in stages}
    assert "train_cfg.max_epochs=45" in by_name["probe_10pct-random-seed0"].command
    assert by_name["probe_10pct-random-seed0"].outputs[0].endswith("epoch_45.pth")
    assert by_name["probe_100pct-random-seed0-test"].command[2].endswith("epoch_25.pth")
    assert describe_epochs(plan) == ["Epochs of Probe: 45 at 10 %; 25 at 100 %."]


def test_published_epochs_are_those_of_the_configs() -> None:
    slidr = describe_epochs(read_label_sweep(ROOT / "configs" / "sweeps" / "slidr_nus.py"))
    assert slidr[1].endswith("100 at 1, 5, 10, 20, 50, 100 % as in the config.")
    calico = describe_epochs(read_label_sweep(ROOT / "configs" / "sweeps" / "calico_nus.py"))
    assert all(line.endswith("20 at 5, 10, 20, 50, 100 % as in the config.") for line in calico)


def test_weights_from_elsewhere_need_no_stage(tmp_path: Path) -> None:
    weights = {"mine": {"about": "Mine", "checkpoint": "weights/mine.pth"}}
    plan, stages = make(tmp_path, initializations=weights)
    assert not [stage.name for stage in stages if stage.name.startswith("pretrain")]
    by_name = {stage.name: stage for stage in stages}
    assert "weights/mine.pth" in by_name["probe_10pct-mine-seed0"].command
    with pytest.raises(FileNotFoundError, match=r"trial: there is no checkpoint weights/mine\.pth"):
        check_label_sweep_files(plan, make_workspace(plan, tmp_path))


def test_data_that_exist_have_no_stages(tmp_path: Path) -> None:
    data = {"data_root": str(tmp_path / "set"), "info_root": str(tmp_path / "infos")}
    plan, stages = make(tmp_path, data={**data, "dataset": "folder", "classes": ["car", "road"]})
    assert stages[0].name == "pretrain-slidr-seed0"
    assert stages[0].inputs == ()
    assert "--classes" not in stages[0].command
    for stage in stages:
        words = " ".join(stage.command)
        assert f"--info-root {tmp_path}/infos" in words
        assert "--dataset folder" in words
    assert "--classes car road" in " ".join(stages[1].command)
    with pytest.raises(FileNotFoundError, match=r"folder_infos_train\.pkl; make it with: python"):
        check_label_sweep_files(plan, make_workspace(plan, tmp_path))


def test_changed_info_files_change_a_stage(tmp_path: Path) -> None:
    infos = tmp_path / "nuscenes_infos_train.pkl"
    infos.write_bytes(b"one")
    _, stages = make(tmp_path, data={"data_root": str(tmp_path)})
    assert list(stages[0].config["info files"]) == [infos.name]


def test_shares_of_scenes_are_those_of_slidr() -> None:
    settings = config_settings(
        "configs/lidarseg/lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"
    )
    assert share_options(settings, 5, "scenes") == ("train_dataloader.dataset.scene_step=20",)
    scenes = [f"scene-{i:04}" for i in range(700)]
    assert len(every_nth_scene(scenes, 20)) == len(read_scene_list("nuscenes_slidr_5pct"))
    assert share_options(settings, 100, "scenes") == ()


def test_published_lists_reach_balanced_samples() -> None:
    options = share_options(config_settings(DET), 5, "nuscenes_calico")
    assert options == ("train_dataloader.dataset.dataset.scenes=nuscenes_calico_5pct",)


def test_values_are_those_of_the_next_larger_share() -> None:
    assert [for_share({10: "few", 100: "all"}, share) for share in (1, 10, 20)] == [
        *("few", "few", "all")
    ]
    assert for_share({10: "few"}, 20) is None


def _task(**changes: Any) -> dict[str, Any]:
    return {"tasks": {"probe": {"about": "Probe", "config": PROBE, **changes}}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"seed": 3}, r"trial\.py has no setting seed; it has about"),
    "kind": ({"seeds": "3"}, r"trial\.py\.seeds must be a int, but is '3'"),
    "seeds": ({"seeds": 0}, "seeds must be at least 1, but got 0"),
    "labels": ({"labels": [0]}, "must be a list of shares in percent"),
    "step": ({"labels": [30]}, "a share of 30 % is not one of every N"),
    "data": ({"data": {}}, "needs data_root, or synthetic"),
    "task": (_task(epoch=3), r"trial\.py: tasks\.probe has no setting epoch"),
    "config": (_task(config="configs/no.py"), r"tasks\.probe\.config: there is no config"),
    "model": (_task(config=SLIDR), "its model SuperpixelDistillation is not a task"),
    "share": (_task(config={10: PROBE}), r"tasks\.probe\.config has no config for 100 %"),
    "initialization": (
        _task(initializations=["prc"]),
        "there is no prc before it; there are slidr",
    ),
    "schedule": (_task(config=DET, epochs=5), "ends after 20 epochs; leave epochs out"),
    "list": (_task(config=DET, labels_of="nuscenes_calico", labels=[1]), "nuscenes_calico_1pct"),
    "options": (_task(options=["lr"]), "needs NAME=VALUE, but has lr"),
    "baseline": ({"baseline": "prc"}, "there is no prc before it; there are random, slidr"),
    "both": (
        {"initializations": {"slidr": {"config": SLIDR, "checkpoint": "a.pth"}}},
        "needs either config or checkpoint",
    ),
    "teacher": (
        {"initializations": {"rad": {"config": SLIDR, "teacher": "prc"}}},
        "there is no prc before it",
    ),
    "random": (
        {"initializations": {"random": {"config": SLIDR}}},
        "must not contain 'random'; it is always",
    ),
    "key": ({"tasks": {"a/b": {}}}, "must have keys of letters and _, but has 'a/b'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_named(tmp_path: Path, case: str) -> None:
    changes, message = WRONG[case]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_label_sweep(write_file(tmp_path, **changes))


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "trial.py").write_text("seeds = (")
    with pytest.raises(ValueError, match=r"trial\.py, line 1, cannot be read: SyntaxError"):
        read_label_sweep(tmp_path / "trial.py")


# By protocol and initialization: scores of three seeds.
SCORES = {
    "probe_10pct": {"random": [10.0, 12.0, 11.0], "slidr": [20.0, 23.0, 21.5]},
    "probe_100pct": {"random": [30.0, 31.0, 32.0], "slidr": [31.0, 30.0, 32.5]},
}


def write_scores(folder: Path, scores: Callable[[str, str, int], float | None]) -> list[str]:
    done = []
    for protocol, by_key in SCORES.items():
        for key, values in by_key.items():
            for seed in range(len(values)):
                trial = Trial(protocol, key, seed)
                value = scores(protocol, key, seed)
                if value is not None:
                    test = trial.folder(folder) / "test" / "20260101_000000"
                    test.mkdir(parents=True)
                    write_json(test / "20260101_000000.json", {"lidar_seg/miou": value})
                    done.append(f"{trial.name}-test")
    return done


def test_tables_have_means_and_paired_differences(tmp_path: Path) -> None:
    plan, _ = make(tmp_path, seeds=3)
    done = write_scores(tmp_path / "out", lambda protocol, key, seed: SCORES[protocol][key][seed])
    rows = result_rows(plan, tmp_path / "out", done)
    few, whole = rows[1], rows[3]
    assert (few.mean, few.std, few.epochs) == (21.5, 1.5, 10)
    # Differences 10, 11, 10.5: deviation 0.5, t = 4.303.
    assert few.difference is not None
    assert few.difference.mean == pytest.approx(10.5)
    assert few.difference.low == pytest.approx(10.5 - 4.303 * 0.5 / 3**0.5, abs=1e-3)
    assert rows[0].difference is None
    table = list(csv.DictReader(io.StringIO(format_csv(rows))))
    assert float(table[1]["difference"]) == pytest.approx(10.5)
    assert (table[1]["task"], table[1]["labels_percent"], table[0]["difference"]) == (
        *("probe", "10"),
        "",
    )
    lines = format_markdown(rows, plan).splitlines()
    assert lines[3] == "| Probe | 10 % | 10 | mIoU | SLidR | 3 | 21.5 ± 1.5 | +10.5 [+9.3, +11.7] |"
    assert findings(plan, rows) == [
        "Probe, mIoU: SLidR against random init: better at 10 % (+10.5 [+9.3, +11.7]); no "
        "difference found at 100 % (+0.2 [-2.4, +2.8])."
    ]
    assert whole.difference is not None


def test_missing_cells_leave_the_others(tmp_path: Path) -> None:
    plan, _ = make(tmp_path, seeds=3)
    done = write_scores(
        tmp_path / "out",
        lambda protocol, key, seed: (
            None if (key, seed) == ("random", 1) else SCORES[protocol][key][seed]
        ),
    )
    rows = result_rows(plan, tmp_path / "out", done)
    assert [len(row.seeds) for row in rows] == [2, 3, 2, 3]
    assert rows[1].difference is not None
    assert rows[1].difference.num_seeds == 2


def test_scores_of_stages_that_are_not_done_do_not_count(tmp_path: Path) -> None:
    plan, _ = make(tmp_path, seeds=3)
    write_scores(tmp_path / "out", lambda protocol, key, seed: SCORES[protocol][key][seed])
    assert result_rows(plan, tmp_path / "out", []) == []


def test_the_page_shows_chart_findings_and_failures(tmp_path: Path) -> None:
    plan, _ = make(tmp_path, seeds=3)
    workspace = make_workspace(plan, tmp_path / "out")
    done = write_scores(tmp_path / "out", lambda protocol, key, seed: SCORES[protocol][key][seed])
    write_label_sweep_results(
        plan,
        workspace,
        done=done,
        failures={"probe_10pct-slidr-seed1": "failed with status 1: the reason"},
        seconds={"probe_10pct-random-seed0": 61.0},
        root=tmp_path,
    )
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "probe_10pct-slidr-seed1 failed with status 1: the reason" in page
    assert "better at 10 % (+10.5 [+9.3, +11.7])" in page
    assert "Epochs of Probe: 10 at 10, 100 % as in the config." in page
    assert page.count("<svg") == 1
    assert "Synthetic data" in page
    chart = (tmp_path / "out" / "chart.svg").read_text(encoding="utf-8")
    assert "var(" not in chart
    assert re.search("#0b7a75", chart)  # SLidR's color


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(0)", r"trial\.py, line 1, cannot be read: SystemExit"),
        ("labels = [float('nan')]", r"trial\.py has NaN as labels\.0"),
    ],
)
def test_a_file_that_ends_the_program_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "trial.py").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_label_sweep(tmp_path / "trial.py")
