"""Scores of any classes: the devkit's on nuScenes' classes, perfect boxes of others."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.evaluation.metrics import NuScenesDetMetric

ANN_FILE = "nuscenes_infos_val.pkl"


@pytest.fixture
def root(fake_nuscenes: Path, tmp_path: Path) -> Path:
    """A copy of the tables; conversion reads sweeps through links."""
    root = tmp_path / "data"
    shutil.copytree(fake_nuscenes / "v1.0-mini", root / "v1.0-mini")
    for name in ("samples", "sweeps", "lidarseg"):
        (root / name).symlink_to(fake_nuscenes / name)
    return root


def edit(root: Path, table: str, **names: str) -> None:
    path = root / "v1.0-mini" / f"{table}.json"
    records = json.loads(path.read_text())
    for record in records:
        record["name"] = names.get(record["name"].rpartition(".")[2], record["name"])
    path.write_text(json.dumps(records))


def convert(root: Path) -> None:
    convert_nuscenes(root, "v1.0-mini", workers=0, progress=False)


def open_data(root: Path, *classes: str) -> CameraLidarDataset:
    metainfo = dict(classes=list(classes)) if classes else None
    return CameraLidarDataset(ANN_FILE, str(root), with_boxes=True, cameras=[], metainfo=metainfo)


def score(
    root: Path, dataset: CameraLidarDataset, noise: float = 0.0, **settings: Any
) -> dict[str, float]:
    """Score the annotations with noise as predictions."""
    metric = NuScenesDetMetric(ann_file=ANN_FILE, data_root=str(root), **settings)
    metric.dataset_meta = dataset.metainfo
    rng = np.random.default_rng(0)
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        boxes = info["instances"]
        keep = boxes["is_valid"] & (boxes["labels_3d"] >= 0)
        values = boxes["bboxes_3d"][keep]
        values[:, [0, 1, 6, 7]] += rng.normal(0, noise, (len(values), 4))
        found = dict(
            bboxes_3d=make_boxes(values),
            scores_3d=torch.from_numpy(rng.uniform(0.1, 0.9, len(values))),
            labels_3d=torch.from_numpy(boxes["labels_3d"][keep]),
        )
        metric.process({}, [dict(sample_token=info["sample_token"], pred_instances_3d=found)])
    scores = metric.evaluate(len(dataset))
    return {name.partition("/")[2]: value for name, value in scores.items()}


def test_boxes_of_info_files_score_as_those_of_tables(root: Path) -> None:
    convert(root)
    dataset = open_data(root, "car", "truck", "pedestrian")
    by_tables = score(root, dataset, noise=0.7)
    by_infos = score(root, dataset, noise=0.7, class_range={"car": 50.0})
    assert 0.05 < by_tables["mAP"] < 0.95
    for name in ("mAP", "mATE", "mASE", "mAOE", "mAVE", "AP_car", "AP_pedestrian"):
        assert by_infos[name] == pytest.approx(by_tables[name], abs=1e-4)


def test_some_of_nuscenes_classes_are_scored_alone(root: Path) -> None:
    convert(root)
    scores = score(root, open_data(root, "pedestrian", "car"))
    assert scores["mAP"] == pytest.approx(1)
    assert scores["NDS"] > 0.95
    assert {name for name in scores if name.startswith("AP")} == {"AP_pedestrian", "AP_car"}


def test_own_classes_have_errors_but_no_nds(root: Path) -> None:
    edit(root, "category", car="kart", adult="walker")
    convert(root)
    scores = score(root, open_data(root, "kart", "walker"), class_range={"walker": 20.0})
    assert scores["mAP"] == scores["AP_kart"] == scores["AP_walker"] == pytest.approx(1)
    assert scores["mATE"] == pytest.approx(0, abs=1e-4)
    assert not any(name.startswith(("NDS", "mAAE")) for name in scores)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("beast", "bus"), "but none with points and in range of the classes beast, bus"),
        (("bus",), "but none with points and in range of the classes bus"),
        (("kart", "tram"), "which are car, .* got .'tram'."),
    ],
)
def test_classes_without_a_score_are_refused_before_training(
    root: Path, classes: tuple[str, ...], message: str
) -> None:
    edit(root, "category", car="kart", animal="beast")
    convert(root)
    metric = NuScenesDetMetric(ann_file=ANN_FILE, data_root=str(root))
    with pytest.raises(ValueError, match=message):
        metric.dataset_meta = {**open_data(root, "kart").metainfo, "classes": classes}


def test_boxes_out_of_range_are_no_truth(root: Path) -> None:
    convert(root)
    metric = NuScenesDetMetric(ann_file=ANN_FILE, data_root=str(root), class_range={"car": 1.0})
    with pytest.raises(ValueError, match="in range of the classes car"):
        metric.dataset_meta = open_data(root, "car").metainfo


def test_errors_of_what_no_box_has_are_left_out(root: Path) -> None:
    path = root / "v1.0-mini" / "sample_annotation.json"
    records = json.loads(path.read_text())
    for record in records:
        record.update(prev="", next="")
        record.pop("attribute_tokens")
    path.write_text(json.dumps(records))
    (root / "v1.0-mini" / "attribute.json").unlink(missing_ok=True)
    convert(root)
    dataset = open_data(root)
    assert np.isfinite(dataset[0]["instances"]["bboxes_3d"]).all()
    scores = score(root, dataset)
    assert scores["mATE"] == pytest.approx(0.7, abs=1e-3)
    assert not {"mAVE", "mAAE"} & set(scores)
