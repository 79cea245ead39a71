"""Scores of a demo, from the files of its evaluations to summary and table."""

import json
from pathlib import Path

import pytest

from perception_kd.experiments.demo import DemoSettings
from perception_kd.experiments.results import format_table
from perception_kd.experiments.stages import ExperimentError
from perception_kd.experiments.summary import make_summary
from perception_kd.io.atomic import write_json

ROOT = Path(__file__).parent.parent.parent
# By initialization and seed.
SCORES = {"random": [11.0, 12.0, 13.0], "slidr": [30.0, 31.0, 35.0], "prc": [20.0] * 3}


def make_demo(folder: Path, seeds: int) -> DemoSettings:
    settings = DemoSettings(folder, seeds=seeds)
    for trial in settings.comparison.trials():
        for stamp, score in (("20250101_000000", 99.0), ("20250102_000000", None)):
            test = trial.folder(folder) / "test" / stamp
            test.mkdir(parents=True)
            value = score or SCORES.get(trial.initialization, SCORES["slidr"])[trial.seed]
            found = {"lidar_seg/miou": value, "map/miou_max": value}
            # Scores of the devkit are fractions.
            found |= {"nuscenes/NDS": value / 100, "nuscenes/mAP": value / 200}
            write_json(test / f"{stamp}.json", found)
    return settings


def test_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=3), {}, ROOT)["results"]
    assert {name: list(scores) for name, scores in results.items()} == {
        "linear_probe": ["random", "slidr"],
        "finetune_10": ["random", "slidr"],
        "det_lidar_10": ["random", "prc"],
        "mapseg_probe": ["random", "rad"],
    }
    assert results["linear_probe"]["random"]["mIoU"] == {
        "seeds": {"0": 11.0, "1": 12.0, "2": 13.0},
        "mean": 12.0,
        "std": 1.0,
    }
    # Deviations -2, -1, 3: squares 14 over n - 1 = 2.
    assert results["linear_probe"]["slidr"]["mIoU"]["std"] == pytest.approx(7**0.5)
    assert results["det_lidar_10"]["prc"]["NDS"]["std"] == 0.0


def test_fractions_become_percentages(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=1), {}, ROOT)["results"]
    assert results["det_lidar_10"]["prc"]["NDS"]["mean"] == pytest.approx(20.0)
    assert results["det_lidar_10"]["prc"]["mAP"]["mean"] == pytest.approx(10.0)


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    results = make_summary(make_demo(tmp_path, seeds=1), {}, ROOT)["results"]
    found = results["linear_probe"]["slidr"]["mIoU"]
    assert found == {"seeds": {"0": 30.0}, "mean": 30.0, "std": None}


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


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "{}", '{"lidar_seg/miou": ', "[1]", '{"lidar_seg/miou": [1]}'),
        *('{"lidar_seg/miou": NaN}', '{"lidar_seg/miou": 1e999}', "[" * 100_000),
        *(f'{{"lidar_seg/miou": 1{"0" * zeros}}}' for zeros in (400, 5_000)),
        *('{"lidar_seg/miou": "0.5"}', '{"lidar_seg/miou": true}'),
    ],
)
def test_an_evaluation_without_a_score_is_named(tmp_path: Path, content: str | None) -> None:
    settings = make_demo(tmp_path, seeds=1)
    for path in (tmp_path / "linear_probe" / "slidr" / "seed0" / "test").glob("*/*.json"):
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
    with pytest.raises(
        ExperimentError, match="linear_probe/slidr/seed0/test has no readable scores"
    ):
        make_summary(settings, {}, ROOT)


def test_the_table_has_one_row_per_score(tmp_path: Path) -> None:
    settings = make_demo(tmp_path, seeds=3)
    results = make_summary(settings, {}, ROOT)["results"]
    shown = {name: results[name] for name in ("finetune_10", "det_lidar_10")}
    assert format_table(shown, settings.comparison) == (
        "                                    %     random init       SLidR         PRC\n"
        "----------------------------------  ----  -----------  ----------  ----------\n"
        "LiDAR segmentation, 10 % of labels  mIoU   12.0 ± 1.0  32.0 ± 2.6\n"
        "LiDAR detection, 10 % of labels     NDS    12.0 ± 1.0              20.0 ± 0.0\n"
        "                                    mAP     6.0 ± 0.5              10.0 ± 0.0"
    )
