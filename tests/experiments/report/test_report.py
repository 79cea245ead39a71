"""Contents of the report: logs, scores, features; and that it is self-contained."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perception_kd.experiments.report.cameras import cameras_section
from perception_kd.experiments.report.charts import THEME, draw_curves, draw_scores
from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.page import render_page, write_report
from perception_kd.experiments.report.point_clouds import clouds_section
from perception_kd.experiments.report.reduction import principal_colors, quantize
from perception_kd.experiments.report.results import results_section
from perception_kd.experiments.report.similarity import (
    compact_features,
    pairs_of_shown,
    similarity_section,
    suggest_queries,
)
from perception_kd.experiments.report.training import training_section, validation_curve
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.experiments.trials import Comparison, Metric, Pretraining, Protocol
from perception_kd.visualization.similarity import similarity_to_point
from tests.experiments.report.report_data import (
    CAR,
    make_keyframe,
    training_rows,
    write_demo,
    write_log,
)

WORK = WorkDir(Path("unused"))


def decode(packed: dict[str, Any]) -> np.ndarray[Any, Any]:
    values = np.frombuffer(base64.b64decode(packed["data"]), packed["dtype"])
    return values.reshape(packed["shape"])


def test_in_a_resumed_run_the_later_log_wins(tmp_path: Path) -> None:
    write_log(tmp_path, training_rows([5.0, 4.0, 9.0]), "20260101_000000")
    write_log(tmp_path, training_rows([3.0, 2.0], first_step=3), "20260102_000000")
    assert TrainingRun(tmp_path).training_curve("loss") == [(1, 5.0), (2, 4.0), (3, 3.0), (4, 2.0)]


def test_an_evaluation_takes_precedence_over_a_validation(tmp_path: Path) -> None:
    key = "lidar_seg/miou"
    write_log(tmp_path, [*training_rows([1.0]), {key: 11.0, "step": 1}])
    assert TrainingRun(tmp_path).scores(key)[key] == 11.0
    tested = tmp_path / "test" / "20260101_000000" / "20260101_000000.json"
    tested.parent.mkdir(parents=True)
    tested.write_text(json.dumps({key: 12.0}))
    assert TrainingRun(tmp_path).scores(key)[key] == 12.0
    assert TrainingRun(tmp_path).scores("map/miou_max") == {}


def test_without_a_summary_scores_come_from_the_runs(tmp_path: Path) -> None:
    trials = [("linear_probe", "slidr"), ("det_lidar_10", "prc"), ("mapseg_probe", "rad")]
    work = WorkDir.read(write_demo(tmp_path))
    summarized = [work.scores(*trial) for trial in trials]
    (tmp_path / "summary.json").unlink()
    assert [WorkDir.read(tmp_path).scores(*trial) for trial in trials] == summarized
    assert summarized[0]["mIoU"].mean == 33.0
    assert summarized[0]["mIoU"].std == pytest.approx(np.sqrt(18))
    # From the fractions 0.16 and 0.22, and half of them.
    assert summarized[1]["NDS"].mean == pytest.approx(19.0)
    assert summarized[1]["mAP"].mean == pytest.approx(9.5)


def test_a_report_shows_any_comparison(tmp_path: Path) -> None:
    """Two pre-trainings under a protocol that the demo does not have."""
    methods = {key: Pretraining(key.upper(), f"{key}.py", ()) for key in ("one", "two")}
    metric = Metric("mIoU", "lidar_seg/miou", 1.0)
    protocols = {"sweep_1pct": Protocol("one percent", "p.py", ("one", "two"), (metric,))}
    for key, value in (("random", 10.0), ("one", 12.0), ("two", 15.0)):
        row = {"lidar_seg/miou": value, "step": 1}
        write_log(tmp_path / "sweep_1pct" / key / "seed0", [*training_rows([3.0]), row])
    page = write_report(tmp_path, comparison=Comparison(methods, protocols)).read_text()
    assert "One percent" in page
    assert "15.0" in page
    assert "ONE pre-training" in page
    assert "SLidR pre-training" not in page


def test_class_scores_are_means_over_the_seeds(tmp_path: Path) -> None:
    work = WorkDir.read(write_demo(tmp_path))
    assert work.class_scores("linear_probe", "slidr") == {"car": 28.0}
    found = work.class_scores("det_lidar_10", "prc")
    assert found == pytest.approx({"car": 29.0, "pedestrian": 5.0})
    assert work.class_scores("mapseg_probe", "rad") == {"drivable_area": 49.0}


def test_classes_have_the_order_of_their_data_set(tmp_path: Path) -> None:
    by_task = results_section(WorkDir.read(write_demo(tmp_path))).content["class_tables"]
    assert [table["metric"] for table in by_task] == [
        *("IoU", "IoU", "AP", "IoU at the best threshold")
    ]
    boxes, maps = by_task[2:]
    assert [row["name"] for row in boxes["rows"]] == ["car", "pedestrian"]
    assert boxes["rows"][0]["color"] == "#ff9e00"
    assert boxes["initializations"] == {"random": "Random init", "prc": "PRC"}
    assert maps["rows"][0]["color"] == "#a6cee3"


def test_gains_are_over_random_weights_in_the_same_metric(tmp_path: Path) -> None:
    protocols = results_section(WorkDir.read(write_demo(tmp_path))).content["protocols"]
    assert [p["title"] for p in protocols][2:] == [
        "LiDAR detection, 10 % of labels",
        "Map segmentation by frozen cameras, all labels",
    ]
    nds, mean_ap = protocols[2]["metrics"]
    assert nds["gains"] == pytest.approx({"prc": 6.0})
    assert mean_ap["gains"] == pytest.approx({"prc": 3.0})


def test_a_sentence_per_comparison_has_the_interval(tmp_path: Path) -> None:
    sentences = results_section(WorkDir.read(write_demo(tmp_path))).content["findings"]
    # 20 and 22 points: 21 +- 12.7 * sqrt(2) / sqrt(2). 5 and 1 points: 3 +- 25.4.
    assert sentences[0] == (
        "LiDAR segmentation, linear probe, mIoU: SLidR against Random init: better "
        "(+21.0 [+8.3, +33.7])."
    )
    assert sentences[-1] == (
        "Map segmentation by frozen cameras, all labels, mIoU: PRC + RAD against Random init: "
        "no difference found (+3.0 [-22.4, +28.4])."
    )
    assert len(sentences) == 5


def test_an_initialization_without_results_is_named(tmp_path: Path) -> None:
    write_log(tmp_path / "linear_probe" / "random" / "seed0", [{"lidar_seg/miou": 9.0, "step": 1}])
    section = results_section(WorkDir.read(tmp_path))
    (metric,) = section.content["protocols"][0]["metrics"]
    assert [row["mean"] for row in metric["rows"]] == [9.0]
    assert metric["rows"][0]["std"] is None
    assert section.missing[0] == "LiDAR segmentation, linear probe: no result of SLidR yet."


def test_protocols_that_were_not_requested_are_not_missing(tmp_path: Path) -> None:
    folder = write_demo(tmp_path)
    assert results_section(WorkDir.read(folder)).missing == ()
    assert training_section(WorkDir.read(folder)).missing == ()
    (folder / "det_lidar_100").mkdir()
    title = "LiDAR detection, all labels"
    expected = f"{title}: no result of Random init and PRC yet."
    assert results_section(WorkDir.read(folder)).missing == (expected,)
    assert training_section(WorkDir.read(folder)).missing == (f"{title}: no steps logged yet.",)


def test_a_validation_is_at_the_last_step_of_its_epoch(tmp_path: Path) -> None:
    pretraining, _ = training_section(WorkDir.read(write_demo(tmp_path))).content["groups"]
    assert pretraining["charts"][0]["summary"] == (
        "Loss of SLidR pre-training. training, seed 0 from 7.00 to 5.00; "
        "validation, seed 0 from 5.50 to 5.50."
    )


def test_a_validation_loss_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    (run,) = WorkDir.read(write_demo(tmp_path)).pretrainings("prc").values()
    assert validation_curve(run) == [(2, 6.0)]


def test_stages_are_grouped_by_protocol(tmp_path: Path) -> None:
    content = overview_section(WorkDir.read(write_demo(tmp_path))).content
    assert [(g["name"], g["time"], g["share"]) for g in content["groups"]] == [
        ("Data", "2 min 00 s", 0.6),
        ("Pre-training, without labels", "3 min 20 s", 1.0),
        ("LiDAR detection, 10 % of labels", "1 min 00 s", 0.3),
        ("Report", "20 s", 0.1),
    ]
    assert content["groups"][2]["stages"] == [
        ("PRC, seed 1", "50 s"),
        ("PRC, seed 1, evaluation", "10 s"),
    ]
    assert content["total"] == "6 min 40 s"
    assert content["configs"] == {"SLidR pre-training": "configs/slidr/a.py"}


def test_charts_use_only_colors_of_the_theme() -> None:
    curves = [{"name": "a", "color": key, "x": [1, 2], "y": [2, 1]} for key in ("slidr", "random")]
    rows = [
        {
            "initialization": "slidr",
            "name": "S",
            "mean": 2.0,
            "std": 1.0,
            "seeds": {"0": 1.0, "1": 3.0},
        }
    ]
    scores = [{"title": "P", "metrics": [{"name": "mIoU", "rows": rows}]}]
    for svg in (draw_curves(curves, "step", "a"), draw_scores(scores, "b")):
        assert "var(--init-slidr)" in svg
        assert not [color for color in THEME.values() if color in svg]
        assert not re.findall(r"#[0-9a-f]{6}", svg.replace("#000000", ""))
        # Ids must be unique, and a page has several charts.
        assert not re.findall(r' id="\w+_\d+"', svg)


def test_the_reduction_of_features_preserves_cosines() -> None:
    keyframe, query = make_keyframe(), 7
    points = torch.from_numpy(keyframe.point_feats)
    pixels = torch.from_numpy(keyframe.pixel_feats).permute(0, 3, 1, 2)
    expected = similarity_to_point(query, points, pixels)
    compact = compact_features(keyframe)
    few_points, few_pixels = (decode(compact[name]).astype(float) for name in ("points", "pixels"))
    assert few_points.shape == (600, 32)
    for found, wanted in ((few_points, expected.points), (few_pixels, expected.pixels)):
        norms = np.linalg.norm(found, axis=-1) * np.linalg.norm(few_points[query])
        assert found @ few_points[query] / norms == pytest.approx(wanted, abs=0.03)


def test_quantization_preserves_directions_and_zero() -> None:
    feats = np.random.default_rng(0).normal(size=(50, 24)).astype(np.float32)
    feats[3] = 0
    found = quantize(feats).astype(float)
    assert not found[3].any()
    rows = np.arange(50) != 3
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(feats, axis=1)
    assert ((found * feats).sum(axis=1)[rows] / norms[rows]).min() > 0.9999


def test_principal_colors_separate_groups() -> None:
    feats = np.random.default_rng(0).normal(0, 0.01, (90, 8)).astype(np.float32)
    feats[np.arange(90), np.arange(90) % 3] += 1
    valid = np.arange(90) < 80
    colors = principal_colors(feats, valid).astype(int)
    assert (colors[80:] == 128).all()
    groups = [colors[:80][np.arange(80) % 3 == k] for k in range(3)]
    centers = [group[:, :2].mean(axis=0) for group in groups]
    for k in range(3):
        assert np.abs(groups[k][:, :2] - centers[k]).max() < 40
        assert np.abs(centers[k] - centers[k - 1]).max() > 100


def test_pairs_index_the_shown_points_in_image_fractions() -> None:
    keyframe = make_keyframe()
    # Row 600 is beyond the view; (18 + 0.5) / 36 and (16 + 0.5) / 64 of an image.
    assert pairs_of_shown(keyframe).tolist() == [[0, 0, 2578, 5138], [200, 0, 7578, 5138]]


def test_suggested_queries_are_the_nearest_visible_points() -> None:
    queries = suggest_queries(make_keyframe())
    assert [query["row"] for query in queries] == [0, 200]
    assert queries[0]["caption"].startswith("car, ")


def test_point_clouds_contain_the_predictions() -> None:
    section = clouds_section(WORK, [make_keyframe()], "")
    payload = section.payload
    (cloud,) = payload["keyframes"]
    assert decode(cloud["positions"]).shape == (600, 3)
    assert decode(cloud["positions"])[250, 2] == -180
    assert (decode(cloud["labels"]["slidr"])[:200] == CAR).all()
    assert set(cloud["labels"]) == {"truth", "random", "slidr"}
    assert payload["classes"][CAR] == {"name": "car", "color": (255, 158, 0)}
    assert section.content["legend"][CAR] == {"name": "car", "color": "#ff9e00"}


def test_points_are_colored_by_region_if_regions_exist() -> None:
    keyframe = make_keyframe()
    assert "regions" in clouds_section(WORK, [keyframe], "").content["modes"]
    (cloud,) = clouds_section(WORK, [keyframe], "").payload["keyframes"]
    colors = decode(cloud["colors"]["regions"])
    assert (colors[:200] == colors[0]).all()
    assert (colors[200:] == colors[200]).all()
    assert (colors[0] != colors[200]).any()
    del keyframe.sample["region_ids"]
    assert "regions" not in clouds_section(WORK, [keyframe], "").content["modes"]


def test_sections_without_keyframes_give_the_reason() -> None:
    reason = "No images: the data is missing."
    for section in (
        cameras_section([], reason),
        clouds_section(WORK, [], reason),
        similarity_section([], reason),
    ):
        assert section.missing == ("No images: the data is missing.",)
        assert section.payload is None


def test_the_page_of_an_empty_work_dir_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "The demo has not finished, so there is no summary yet." in page
    assert "SLidR pre-training: no steps logged yet." in page
    assert "No images: " in page
    assert len(page) < 100_000


def test_a_page_loads_nothing(tmp_path: Path) -> None:
    keyframes = [make_keyframe()]
    sections = [
        results_section(WorkDir.read(write_demo(tmp_path))),
        cameras_section(keyframes, ""),
        clouds_section(WORK, keyframes, ""),
        similarity_section(keyframes, ""),
    ]
    page = render_page("T", sections)
    assert "Synthetic data" in page
    assert "Copyright Vis.gl contributors" in page
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    sources = re.findall(r'(?:\ssrc|\shref|url)[=(]"?([^")\s]+)', own)
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_text_in_a_page_is_escaped() -> None:
    missing = ("</section><script>alert(1)</script>",)
    page = render_page("T", [Section("training", "A", {"groups": []}, missing=missing)])
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_missing_work_dir_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no work dir .*none; run make demo"):
        write_report(tmp_path / "none")


def test_a_report_needs_at_least_one_keyframe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_keyframes must be positive, but got -1"):
        write_report(write_demo(tmp_path), num_keyframes=-1)
