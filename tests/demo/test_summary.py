"""The numbers of a demo, from the files of its evaluations to the table."""

import json
from pathlib import Path

import pytest

from perception_kd.demo.recipe import DemoSettings, list_runs
from perception_kd.demo.stages import DemoError, write_json
from perception_kd.demo.summary import format_table, make_summary

ROOT = Path(__file__).parent.parent.parent
# By protocol, arm and seed.
SCORES = {
    "linear_probe": {"random": [11.0, 12.0, 13.0], "slidr": [30.0, 31.0, 35.0]},
    "finetune_10": {"random": [20.0, 20.0, 20.0], "slidr": [25.0, 26.0, 27.0]},
}


def make_demo(folder: Path, seeds: int) -> DemoSettings:
    settings = DemoSettings(folder, seeds=seeds)
    for run in list_runs(settings):
        for stamp, score in (("20250101_000000", 99.0), ("20250102_000000", None)):
            test = run.folder(settings) / "test" / stamp
            test.mkdir(parents=True)
            value = score or SCORES[run.protocol][run.arm][run.seed]
            write_json(test / f"{stamp}.json", {"lidar_seg/miou": value})
    return settings


def test_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=3), {}, ROOT)["results"]
    assert {arm: set(found) for arm, found in results.items()} == {
        arm: {"linear_probe", "finetune_10"} for arm in ("random", "slidr")
    }
    assert results["random"]["linear_probe"] == {
        "seeds": {"0": 11.0, "1": 12.0, "2": 13.0},
        "mean": 12.0,
        "std": 1.0,
    }
    # Deviations -2, -1, 3: squares 14 over n - 1 = 2.
    assert results["slidr"]["linear_probe"]["std"] == pytest.approx(7**0.5)
    assert results["random"]["finetune_10"]["std"] == 0.0


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=1), {}, ROOT)["results"]
    assert results["slidr"]["linear_probe"] == {"seeds": {"0": 30.0}, "mean": 30.0, "std": None}


def test_a_summary_says_how_it_came_about(tmp_path: Path) -> None:
    settings = make_demo(tmp_path, seeds=1)
    summary = make_summary(settings, {"data": 100.04, "infos": 5.0}, ROOT)
    assert json.loads(json.dumps(summary)) == summary
    assert summary["synthetic"] is True
    assert "Synthetic" in summary["note"]
    assert summary["seconds"] == {"data": 100.04, "infos": 5.0, "total": 105.0}
    assert {"torch", "mmengine", "mmdet3d", "spconv", "python", "perception_kd", "commit"} <= set(
        summary["versions"]
    )
    assert summary["machine"]["cores"] >= 1
    assert summary["settings"]["seeds"] == 1


def test_a_project_without_git_has_no_commit(tmp_path: Path) -> None:
    summary = make_summary(make_demo(tmp_path, seeds=1), {}, tmp_path)
    assert summary["versions"]["commit"] is None


@pytest.mark.parametrize("content", [None, "", "{}", '{"lidar_seg/miou": '])
def test_an_evaluation_without_a_score_is_named(tmp_path: Path, content: str | None) -> None:
    settings = make_demo(tmp_path, seeds=1)
    for path in (tmp_path / "linear_probe" / "slidr" / "seed0" / "test").glob("*/*.json"):
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
    with pytest.raises(DemoError, match="linear_probe/slidr/seed0/test must hold the scores"):
        make_summary(settings, {}, ROOT)


def test_the_table_has_a_row_an_arm(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=3), {}, ROOT)["results"]
    assert format_table(results).splitlines() == [
        "mIoU (%)     linear probe  fine-tuning on 10 %",
        "-----------  ------------  -------------------",
        "random init    12.0 ± 1.0           20.0 ± 0.0",
        "SLidR          32.0 ± 2.6           26.0 ± 1.0",
    ]


def test_a_json_file_is_replaced_at_once_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"whole": True})
    with pytest.raises(TypeError):
        write_json(path, {"broken": object()})
    assert json.loads(path.read_text()) == {"whole": True}
    assert list(tmp_path.iterdir()) == [path]
