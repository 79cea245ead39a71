"""Detection scores: the devkit, perfect boxes, boxes wrong by a known amount."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.evaluation.metrics import NuScenesDetMetric
from perception_kd.evaluation.nuscenes_boxes import BoxEvaluation
from perception_kd.models.heads import BEVCenterHead
from tests.fake_data.prepared import PreparedData
from tests.models.heads.perfect_center_head import outputs_of

NO_CACHES = Path(__file__).parents[3] / "configs" / "_base_" / "default_runtime.py"


@pytest.fixture(scope="module")
def folders(prepared_synthetic: PreparedData) -> dict[str, Any]:
    options = prepared_synthetic.options_for(NO_CACHES)
    return dict(zip(["data_root", "info_root"], options[1::2], strict=True))


@pytest.fixture(scope="module")
def dataset(folders: dict[str, Any]) -> CameraLidarDataset:
    return CameraLidarDataset("nuscenes_infos_val.pkl", with_boxes=True, cameras=[], **folders)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Return the messages that the project logs during a test."""
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield texts
    logger.removeHandler(handler)


def predict(dataset: CameraLidarDataset, **shift: float) -> list[dict[str, Any]]:
    """Return the annotations as predictions, moved by some m or rad."""
    columns = dict(x=0, y=1, z=2, length=3, width=4, height=5, yaw=6, vx=7, vy=8)
    samples = []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        boxes = info["instances"]
        keep = boxes["is_valid"] & (boxes["labels_3d"] >= 0)
        values = boxes["bboxes_3d"][keep].copy()
        for name, amount in shift.items():
            values[:, columns[name]] += amount
        found = dict(
            bboxes_3d=make_boxes(values),
            scores_3d=torch.linspace(0.9, 0.5, len(values)),
            labels_3d=torch.from_numpy(boxes["labels_3d"][keep]),
        )
        samples.append(dict(sample_token=info["sample_token"], pred_instances_3d=found))
    return samples


def score(
    dataset: CameraLidarDataset,
    folders: dict[str, Any],
    samples: list[dict[str, Any]],
    **settings: Any,
) -> dict[str, float]:
    metric = NuScenesDetMetric(ann_file="nuscenes_infos_val.pkl", **folders, **settings)
    metric.dataset_meta = dataset.metainfo
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_perfect_boxes_score_one(
    dataset: CameraLidarDataset, folders: dict[str, Any], logged: list[str]
) -> None:
    scores = score(dataset, folders, predict(dataset))
    assert scores["nuscenes/mAP"] == pytest.approx(1)
    assert [scores[f"nuscenes/AP_{name}"] for name in dataset.metainfo["classes"]] == (
        pytest.approx([1] * 10)
    )
    # All errors are 0 but that of the attributes, which mmdet3d guesses by velocity.
    assert scores["nuscenes/NDS"] == pytest.approx(1 - scores["nuscenes/mAAE"] / 10, abs=1e-3)
    assert scores["nuscenes/NDS"] > 0.95
    assert "nuscenes/mAP_present" not in scores
    said = ("mmdet3d before 1.0", "not comparable", "Without ground truth")
    assert not any(words in text for text in logged for words in said)


def test_absent_classes_are_logged_and_ignored_in_separate_means(
    fake_nuscenes: Path, tmp_path: Path, logged: list[str]
) -> None:
    convert_nuscenes(fake_nuscenes, "v1.0-mini", tmp_path, workers=0, progress=False)
    few: dict[str, Any] = dict(data_root=str(fake_nuscenes), info_root=str(tmp_path))
    dataset = CameraLidarDataset("nuscenes_infos_val.pkl", with_boxes=True, cameras=[], **few)
    scores = score(dataset, few, predict(dataset))
    present = [name for name in dataset.metainfo["classes"] if f"nuscenes/AP_{name}" in scores]
    assert present == ["car", "truck", "pedestrian"]
    found = next(text for text in logged if text.startswith("Without ground truth"))
    absent = [name for name in dataset.metainfo["classes"] if name in found]
    assert sorted(present + absent) == sorted(dataset.metainfo["classes"])
    assert scores["nuscenes/mAP_present"] == pytest.approx(1)
    assert scores["nuscenes/NDS_present"] > 0.9
    # Officially the absent classes are missed: AP 0 and errors of 1.
    assert scores["nuscenes/mAP"] == pytest.approx(0.3)
    assert scores["nuscenes/mATE"] == pytest.approx(0.7, abs=1e-3)


def test_headings_survive_the_targets_and_decoding_of_the_head(
    dataset: CameraLidarDataset, folders: dict[str, Any]
) -> None:
    # Cells of 0.4 m, so that no two people share one.
    bounds = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
    head = BEVCenterHead(8, bounds, 0.4, test_cfg=dict(score_threshold=0.99))
    samples = predict(dataset)
    for sample in samples:
        found = sample["pred_instances_3d"]
        truth = InstanceData(bboxes_3d=found["bboxes_3d"], labels_3d=found["labels_3d"])
        outputs = outputs_of(head, head.get_targets([truth]))
        metainfo = [dict(box_type_3d=LiDARInstance3DBoxes)]
        sample["pred_instances_3d"] = head.predict_by_feat(outputs, metainfo)[0]
    scores = score(dataset, folders, samples)
    assert scores["nuscenes/mAP"] > 0.99
    for error in ("mATE", "mASE", "mAOE", "mAVE"):
        assert scores[f"nuscenes/{error}"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("shift", "error", "expected"),
    [
        (dict(x=0.3), "mATE", 0.3),
        (dict(x=0.09, y=-0.12), "mATE", 0.15),
        (dict(yaw=0.2), "mAOE", 0.2),
        (dict(vx=0.3, vy=0.4), "mAVE", 0.5),
    ],
)
def test_boxes_with_a_known_error_get_that_error(
    dataset: CameraLidarDataset,
    folders: dict[str, Any],
    shift: dict[str, float],
    error: str,
    expected: float,
) -> None:
    scores = score(dataset, folders, predict(dataset, **shift))
    assert scores[f"nuscenes/{error}"] == pytest.approx(expected, abs=2e-4)
    assert scores["nuscenes/mAP"] == pytest.approx(1)


@pytest.mark.parametrize(("turn", "axis"), [(np.pi, 0.0), (np.pi - 0.2, 0.2), (0.3, 0.3)])
def test_headings_are_also_compared_modulo_pi(
    dataset: CameraLidarDataset, folders: dict[str, Any], turn: float, axis: float
) -> None:
    scores = score(dataset, folders, predict(dataset, yaw=turn))
    # The devkit compares barriers, one of nine classes with headings, modulo pi itself.
    assert scores["nuscenes/mAOE"] == pytest.approx((8 * turn + axis) / 9, abs=1e-3)
    assert scores["nuscenes/mAOE_mod_pi"] == pytest.approx(axis, abs=1e-3)


def test_a_whole_split_has_the_numbers_of_the_devkit(
    dataset: CameraLidarDataset, folders: dict[str, Any], tmp_path: Path
) -> None:
    samples = predict(dataset, x=0.4, yaw=0.3)
    rng = np.random.default_rng(0)
    for sample in samples:
        found = sample["pred_instances_3d"]
        noise = torch.from_numpy(rng.normal(0, 0.4, (len(found["scores_3d"]), 7)))
        boxes = found["bboxes_3d"].tensor
        boxes[:, :3] += noise[:, :3]
        boxes[:, 3:6] *= noise[:, 3:6].exp()
        boxes[:, 6] += noise[:, 6]
    ours = score(dataset, folders, samples, submission_dir=str(tmp_path))
    nusc = NuScenes("v1.0-mini", folders["data_root"], verbose=False)
    config = NuScenesDetMetric(**folders, ann_file="a").eval_detection_configs
    path = str(tmp_path / "results_nusc.json")
    official = DetectionEval(nusc, config, path, "mini_val", str(tmp_path), verbose=False)
    summary = official.evaluate()[0].serialize()
    assert 0.05 < summary["mean_ap"] < 0.95
    assert ours["nuscenes/NDS"] == pytest.approx(summary["nd_score"], abs=1e-12)
    assert ours["nuscenes/mAP"] == pytest.approx(summary["mean_ap"], abs=1e-12)
    assert ours["nuscenes/mASE"] == pytest.approx(summary["tp_errors"]["scale_err"], abs=1e-12)
    assert ours["nuscenes/AP_car"] == pytest.approx(summary["mean_dist_aps"]["car"], abs=1e-12)


def test_a_part_of_a_split_is_scored_on_its_own_ground_truth(
    dataset: CameraLidarDataset, folders: dict[str, Any], logged: list[str]
) -> None:
    samples = predict(dataset)
    scores = score(dataset, folders, samples[1:])
    assert scores["nuscenes/AP_car"] == pytest.approx(1)
    found = [text for text in logged if "not comparable" in text]
    count = len(samples)
    assert found == [
        f"Scored {count - 1} of {count} samples of mini_val: not comparable with scores on "
        "all of them."
    ]


def test_boxes_in_coordinates_of_old_mmdet3d_are_recognized(
    dataset: CameraLidarDataset, folders: dict[str, Any], logged: list[str]
) -> None:
    samples = predict(dataset)
    for sample in samples:
        boxes = sample["pred_instances_3d"]["bboxes_3d"].tensor
        boxes[:, 3:5] = boxes[:, [4, 3]]
        boxes[:, 6] = -boxes[:, 6] - torch.pi / 2
    scores = score(dataset, folders, samples)
    assert scores["nuscenes/mAP"] == pytest.approx(1)
    assert any("tools/create_data.py nuscenes" in text for text in logged)


def test_no_prediction_at_all_scores_zero(
    dataset: CameraLidarDataset, folders: dict[str, Any]
) -> None:
    samples = predict(dataset)
    for sample in samples:
        found = sample["pred_instances_3d"]
        sample["pred_instances_3d"] = {key: value[:0] for key, value in found.items()}
    scores = score(dataset, folders, samples)
    assert scores["nuscenes/mAP"] == 0
    assert scores["nuscenes/NDS"] == 0


@pytest.fixture
def tables(folders: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the tables alone, without maps, that may be changed."""
    source = Path(folders["data_root"]) / "v1.0-mini"
    copied = Path(shutil.copytree(source, tmp_path / "data" / "v1.0-mini"))
    (copied / "map.json").unlink()
    return copied


def edit(tables: Path, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    path = tables / f"{name}.json"
    records = json.loads(path.read_text())
    for record in records:
        change(record)
    path.write_text(json.dumps(records))


def test_maps_and_counts_are_not_needed(
    dataset: CameraLidarDataset, folders: dict[str, Any], tables: Path
) -> None:
    edit(tables, "sample_annotation", lambda x: (x.pop("num_lidar_pts"), x.pop("num_radar_pts")))
    scores = score(dataset, folders | dict(data_root=str(tables.parent)), predict(dataset))
    assert scores["nuscenes/AP_car"] > 0.5


def test_own_names_of_categories_and_versions_are_scored(
    dataset: CameraLidarDataset, folders: dict[str, Any], tables: Path
) -> None:
    names = {"vehicle.car": "car", "human.pedestrian.adult": "pedestrian"}
    edit(tables, "category", lambda x: x.update(name=names.get(x["name"], x["name"])))
    edit(tables, "sensor", lambda x: x.update(channel=x["channel"].replace("LIDAR_TOP", "ROOF")))
    edit(tables, "scene", lambda x: x.update(name="my-" + x["name"]))
    tables.rename(tables.parent / "mine")
    metric = NuScenesDetMetric(
        ann_file="nuscenes_infos_val.pkl", **folders | dict(data_root=str(tables.parent))
    )
    metric.dataset_meta = dataset.metainfo | dict(version="mine", lidar="ROOF")
    samples = predict(dataset)
    metric.process({}, samples)
    assert metric.evaluate(len(samples))["nuscenes/mAP"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("sample_annotation", "[]", "sample_annotation.json has no annotation to score boxes"),
        ("category", '[{"token": "a", "name": "thing"}]', "no category with a class of boxes"),
        ("instance", None, "instance.json is missing, and scoring boxes needs it"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_training(
    dataset: CameraLidarDataset,
    folders: dict[str, Any],
    tables: Path,
    table: str,
    content: str | None,
    message: str,
) -> None:
    if content is None:
        (tables / f"{table}.json").unlink()
    else:
        (tables / f"{table}.json").write_text(content)
    metric = NuScenesDetMetric(
        ann_file="nuscenes_infos_val.pkl", **folders | dict(data_root=str(tables.parent))
    )
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        metric.dataset_meta = dataset.metainfo


def test_format_only_writes_the_submission(
    dataset: CameraLidarDataset, folders: dict[str, Any], tmp_path: Path
) -> None:
    samples = predict(dataset)
    settings = dict(format_only=True, submission_dir=str(tmp_path / "new"))
    meta = dict(use_camera=True)
    assert score(dataset, folders, samples, **settings, submission_meta=meta) == {}
    content = json.loads((tmp_path / "new" / "results_nusc.json").read_text())
    assert set(content["results"]) == {sample["sample_token"] for sample in samples}
    assert content["meta"] == dict(
        use_camera=True, use_lidar=True, use_radar=False, use_map=False, use_external=False
    )


def test_samples_are_found_by_token_whatever_their_place(
    dataset: CameraLidarDataset, folders: dict[str, Any]
) -> None:
    samples = predict(dataset)
    assert len({sample["sample_token"] for sample in samples}) > 1
    scores = score(dataset, folders, samples[::-1] + samples[:1])
    assert scores["nuscenes/mAP"] == pytest.approx(1)


def test_boxes_of_classes_in_another_order_are_refused(
    dataset: CameraLidarDataset, folders: dict[str, Any]
) -> None:
    samples = predict(dataset)
    classes = dataset.metainfo["classes"]
    samples[1]["box_classes"] = tuple(classes)
    score(dataset, folders, samples)
    samples[1]["box_classes"] = (classes[1], classes[0], *classes[2:])
    with pytest.raises(ValueError, match="differ first in truck for car"):
        score(dataset, folders, samples)


def test_rejects_another_info_file_and_wrong_settings(
    dataset: CameraLidarDataset, folders: dict[str, Any], tmp_path: Path
) -> None:
    samples = predict(dataset)
    samples[0]["sample_token"] = "stranger"
    with pytest.raises(ValueError, match=r"lacks .* of the predicted samples, such as"):
        score(dataset, folders, samples)
    with pytest.raises(ValueError, match="submission_dir must be given with format_only"):
        score(dataset, folders, samples, format_only=True)
    with pytest.raises(ValueError, match=r"submission_meta must have entries of .*\['use_x'\]"):
        score(dataset, folders, samples, submission_meta=dict(use_x=True))
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"meta": {}, "results": {"stranger": []}}))
    nusc = NuScenes("v1.0-mini", folders["data_root"], verbose=False)
    config = NuScenesDetMetric(**folders, ann_file="a").eval_detection_configs
    with pytest.raises(ValueError, match="has 1 samples that are not in mini_val"):
        BoxEvaluation(nusc, config, path, ["known"], "mini_val")
