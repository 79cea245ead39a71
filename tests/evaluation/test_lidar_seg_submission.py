"""Submissions are accepted by nuScenes' devkit, with the same scores as here."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.evaluation.metrics import NuScenesMetric
from mmengine import Config
from mmengine.registry import init_default_scope
from nuscenes.eval.lidarseg import utils as devkit
from nuscenes.eval.lidarseg.evaluate import LidarSegEval
from nuscenes.eval.lidarseg.validate_submission import validate_submission
from nuscenes.nuscenes import NuScenes

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.nuscenes.submission import NuScenesSubmission
from perception_kd.datasets.semantickitti.labels import semantickitti_raw_labels
from perception_kd.datasets.semantickitti.submission import SemanticKITTISubmission
from perception_kd.engine.config.outputs import set_submission
from perception_kd.evaluation.lidar_seg_submission import (
    classes_of_file,
    make_submission,
)
from perception_kd.evaluation.metrics import LidarSegMetric
from perception_kd.registry import MODELS
from perception_kd.structures import PointLayout
from tests.fake_data.semantickitti import make_semantickitti
from tools import create_data, test

PIPELINE = [
    dict(type="LoadPoints"),
    dict(type="LoadPointLabels"),
    dict(type="PackInputs"),
]


ABSENT = {"bus": (15, 16), "trailer": (22,)}


@pytest.fixture(scope="module")
def root(synthetic_nuscenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic data with info files, without the labels of ``ABSENT``."""
    root = tmp_path_factory.mktemp("nuscenes")
    for entry in synthetic_nuscenes.iterdir():
        if entry.name != "lidarseg":
            (root / entry.name).symlink_to(entry)
    for path in synthetic_nuscenes.glob("lidarseg/**/*.bin"):
        labels = np.fromfile(path, np.uint8)
        labels[np.isin(labels, [raw for group in ABSENT.values() for raw in group])] = 0
        copied = root / path.relative_to(synthetic_nuscenes)
        copied.parent.mkdir(parents=True, exist_ok=True)
        labels.tofile(copied)
    convert_nuscenes(root, "v1.0-mini", progress=False, workers=0)
    return root


@pytest.fixture(scope="module")
def dataset(root: Path) -> CameraLidarDataset:
    """Validation samples."""
    return CameraLidarDataset(
        "nuscenes_infos_val.pkl", str(root), pipeline=PIPELINE, cameras=[], test_mode=True
    )


@pytest.fixture
def nusc(root: Path, monkeypatch: pytest.MonkeyPatch) -> NuScenes:
    """The data set in the devkit, whose splits name scenes that are not there."""
    nusc = NuScenes("v1.0-mini", str(root), verbose=False)
    present = {scene["name"] for scene in nusc.scene}
    splits = {
        split: [name for name in names if name in present]
        for split, names in devkit.create_splits_scenes().items()
    }
    monkeypatch.setattr(devkit, "create_splits_scenes", lambda verbose: splits)
    return nusc


def predict(dataset: CameraLidarDataset, allowed: list[int]) -> list[dict[str, Any]]:
    """Take the labels for predictions, a third of them by chance one of ``allowed``."""
    rng = np.random.default_rng(0)
    samples = []
    for packed in dataset:
        sample = packed["data_samples"].to_dict()
        truth = sample["gt_pts_seg"]["pts_semantic_mask"].numpy()
        wrong = (rng.random(len(truth)) < 1 / 3) | (truth == 255)
        predicted = np.where(wrong, rng.choice(allowed, len(truth)), truth)
        sample["pred_pts_seg"] = {"pts_semantic_mask": torch.tensor(predicted)}
        samples.append(sample)
    return samples


def evaluate(metric: LidarSegMetric, dataset: CameraLidarDataset, samples: Any) -> dict[str, float]:
    metric.dataset_meta = dataset.metainfo
    metric.process(None, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize("mistaken_for", ["classes of labels", "any class"])
def test_scores_are_those_of_the_devkit(
    mistaken_for: str, dataset: CameraLidarDataset, nusc: NuScenes, tmp_path: Path
) -> None:
    present = [c for c, name in enumerate(NUSCENES_CLASSES) if name not in ABSENT]
    allowed = list(range(16)) if mistaken_for == "any class" else present
    metric = LidarSegMetric(submission_dir=str(tmp_path))
    result = evaluate(metric, dataset, predict(dataset, allowed))
    validate_submission(nusc, str(tmp_path), "mini_val")
    official = LidarSegEval(nusc, str(tmp_path), "mini_val").evaluate()

    iou = {name: 100 * official["iou_per_class"][name] for name in NUSCENES_CLASSES}
    ours = {key.removeprefix("lidar_seg/iou_"): v for key, v in result.items() if "/iou_" in key}
    assert set(ours) == set(NUSCENES_CLASSES) - set(ABSENT)
    assert all(0 < value < 100 for value in ours.values())
    assert ours == pytest.approx({name: iou[name] for name in ours}, rel=1e-6)
    if mistaken_for == "any class":
        # For the devkit a class in no label has an IoU of 0 now, which enters its mean.
        assert [iou[name] for name in ABSENT] == [0, 0]
        expected = np.mean([iou[name] for name in ours])
        assert expected == pytest.approx(100 * official["miou"] * 16 / 14, rel=1e-6)
    else:
        assert np.isnan([iou[name] for name in ABSENT]).all()
        expected = 100 * official["miou"]
    assert result["lidar_seg/miou"] == pytest.approx(expected, rel=1e-6)


def test_a_submission_alone_needs_no_labels(
    dataset: CameraLidarDataset, nusc: NuScenes, tmp_path: Path
) -> None:
    samples = predict(dataset, list(range(16)))
    for sample in samples:
        del sample["gt_pts_seg"]
    metric = LidarSegMetric(
        format_only=True, submission_dir=str(tmp_path), submission_meta=dict(use_external=True)
    )
    assert evaluate(metric, dataset, samples) == {}
    validate_submission(nusc, str(tmp_path), "mini_val")
    meta = json.loads((tmp_path / "mini_val" / "submission.json").read_text())["meta"]
    assert meta["use_external"]
    assert not meta["use_camera"]


SMALL = """
_base_ = [{base!r}]
model = dict(
    pts_backbone=dict(
        base_channels=8,
        encoder_channels=(8, 16),
        encoder_blocks=(1, 1),
        decoder_channels=(16, 16),
        decoder_blocks=(1, 1),
    ),
    pts_seg_head=dict(in_channels=16),
)
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(ann_file={ann_file!r})
)
"""


def write_small_config(folder: Path, name: str, ann_file: str) -> list[str]:
    """Write a small twin of a config and weights for it; return both as arguments."""
    base = Path(__file__).parents[2] / "configs" / "lidarseg" / f"{name}.py"
    path, weights = folder / "small.py", folder / "weights.pth"
    path.write_text(SMALL.format(base=str(base), ann_file=ann_file))
    init_default_scope("perception_kd")
    torch.save(MODELS.build(Config.fromfile(path).model).state_dict(), weights)
    return [str(path), str(weights), "--work-dir", str(folder / "work")]


def test_the_command_writes_a_submission_without_labels(
    root: Path, nusc: NuScenes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = pickle.loads((root / "nuscenes_infos_val.pkl").read_bytes())
    for sample in info["data_list"]:
        del sample["pts_semantic_mask_path"]
    (tmp_path / "nuscenes_infos_test.pkl").write_bytes(pickle.dumps(info))
    name = "lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus"
    command = write_small_config(tmp_path, name, "nuscenes_infos_test.pkl")
    command += ["--data-root", str(root), "--info-root", str(tmp_path)]
    assert test.main([*command, "--format-only", "--out-dir", str(tmp_path / "out")]) == 0
    validate_submission(nusc, str(tmp_path / "out"), "mini_val")
    assert test.main([*command, "--cfg-options", "experiment_name=labels"]) == 2
    assert "No point labels in the info file" in capsys.readouterr().err


def test_the_command_writes_predictions_beside_the_scores(
    root: Path, nusc: NuScenes, tmp_path: Path
) -> None:
    name = "lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus"
    command = write_small_config(tmp_path, name, "nuscenes_infos_val.pkl")
    command += ["--data-root", str(root), "--out-dir", str(tmp_path / "out")]
    assert test.main([*command, "--cfg-options", "experiment_name=beside"]) == 0
    official = LidarSegEval(nusc, str(tmp_path / "out"), "mini_val").evaluate()
    scores = json.loads(next(tmp_path.glob("work/*/*.json")).read_text())
    ours = [scores[f"lidar_seg/iou_{n}"] for n in NUSCENES_CLASSES if n not in ABSENT]
    iou = [100 * official["iou_per_class"][n] for n in NUSCENES_CLASSES if n not in ABSENT]
    assert max(ours) > 0
    assert ours == pytest.approx(iou, rel=1e-6)


def test_the_command_writes_a_submission_to_semantickitti(tmp_path: Path) -> None:
    data = make_semantickitti(tmp_path / "data", sequences=(11,))
    assert create_data.main(["semantickitti", "--root", str(data)]) == 0
    name = "lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti"
    command = write_small_config(tmp_path, name, "semantickitti_infos_test.pkl")
    command += ["--cfg-options", "experiment_name=kitti"]
    assert test.main([*command, "--data-root", str(data), "--format-only"]) == 0
    predictions = tmp_path / "work" / "submission" / "sequences" / "11" / "predictions"
    scans = sorted((data / "sequences" / "11" / "velodyne").glob("*.bin"))
    assert [path.stem for path in sorted(predictions.iterdir())] == [path.stem for path in scans]
    for scan in scans:
        labels = np.fromfile(predictions / f"{scan.stem}.label", np.uint32)
        assert len(labels) == scan.stat().st_size / 16
        assert np.isin(labels, semantickitti_raw_labels()).all()


def test_only_metrics_with_submissions_are_kept(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    detection = dict(type=NuScenesMetric, data_root="", ann_file="")
    pipeline = [dict(type="LoadPoints"), dict(type="LoadPointLabels")]
    cfg = Config(
        dict(
            test_evaluator=[dict(type="MeanOverBatches"), detection, dict(type="LidarSegMetric")],
            test_dataloader=dict(dataset=dict(type="CameraLidarDataset", pipeline=pipeline)),
        )
    )
    set_submission(cfg, None, format_only=False)
    assert "jsonfile_prefix" not in cfg.test_evaluator[1]
    set_submission(cfg, out, format_only=False)
    assert len(cfg.test_evaluator) == 3
    assert len(cfg.test_dataloader.dataset.pipeline) == 2
    set_submission(cfg, out, format_only=True)
    assert [metric.type for metric in cfg.test_evaluator] == [NuScenesMetric, "LidarSegMetric"]
    assert cfg.test_evaluator[0].jsonfile_prefix == cfg.test_evaluator[1].submission_dir == out
    assert all(metric.format_only for metric in cfg.test_evaluator)
    assert [step.type for step in cfg.test_dataloader.dataset.pipeline] == ["LoadPoints"]
    cfg.test_evaluator = dict(type="MeanOverBatches")
    with pytest.raises(ValueError, match="it has MeanOverBatches"):
        set_submission(cfg, out, format_only=True)


def test_a_folder_that_cannot_be_written_is_refused_before_the_test(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cfg = Config(dict(test_evaluator=dict(type="LidarSegMetric"), test_dataloader=dict(dataset={})))
    with pytest.raises(PermissionError, match="Cannot write to --out-dir"):
        set_submission(cfg, tmp_path / "file" / "out", format_only=True)


def test_points_without_prediction_get_the_most_frequent_class(tmp_path: Path) -> None:
    path = tmp_path / "sweep.bin"
    np.zeros((6, 5), np.float32).tofile(path)
    # Row 3 of the file was dropped in loading, row 1 not seen by the network, and the
    # last point is of an earlier sweep.
    sample = {"lidar_path": str(path), "point_layout": PointLayout(5)}
    sample["original_points"] = np.array([5, 0, 1, 2, 4, -1])
    predicted = np.array([7, 4, 255, 4, 1, 9])
    classes, num_unseen = classes_of_file(sample, predicted, num_classes=16)
    assert classes.tolist() == [4, 4, 4, 4, 1, 7]
    assert num_unseen == 2


def test_nuscenes_labels_count_from_1(tmp_path: Path) -> None:
    submission = NuScenesSubmission(tmp_path, "v1.0-test")
    sample = {"scene_name": "scene-0077", "lidar_token": "abc"}
    assert submission.write(sample, np.array([0, 15, 3])) == "test"
    path = tmp_path / "lidarseg" / "test" / "abc_lidarseg.bin"
    assert path.read_bytes() == bytes([1, 16, 4])


def test_predictions_of_two_runs_are_no_submission(tmp_path: Path) -> None:
    sample = {"scene_name": "scene-0077", "lidar_token": "abc"}
    description = tmp_path / "test" / "submission.json"
    for ends in (True, False):
        submission = NuScenesSubmission(tmp_path, "v1.0-test")
        part = submission.write(sample, np.array([0, 15, 3]))
        if ends:
            submission.finish([part])
        assert description.exists() == ends


def test_semantickitti_labels_are_the_raw_ones(tmp_path: Path) -> None:
    submission = SemanticKITTISubmission(tmp_path)
    sample = {"scene_name": "11", "lidar_path": "sequences/11/velodyne/000042.bin"}
    submission.write(sample, np.array([0, 4, 18]))
    path = tmp_path / "sequences" / "11" / "predictions" / "000042.label"
    # Car, other vehicle, traffic sign as little-endian uint32.
    assert path.read_bytes() == bytes([10, 0, 0, 0, 20, 0, 0, 0, 81, 0, 0, 0])


def test_refuses_what_no_official_evaluation_would_take(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="submission_dir must be given with format_only"):
        LidarSegMetric(format_only=True)
    with pytest.raises(ValueError, match=r"meta must have entries of use_camera, .* got \['lidar"):
        NuScenesSubmission(tmp_path, "v1.0-mini", dict(lidar=True))
    own = dict(dataset="nuscenes", version="v1.0-mini")
    with pytest.raises(ValueError, match="the dataset has its own label_mapping"):
        make_submission(tmp_path, own)


def test_names_cannot_lead_out_of_the_submission(tmp_path: Path) -> None:
    classes, folder = np.zeros(3, np.int64), tmp_path / "a" / "b"
    nuscenes = NuScenesSubmission(folder, "v1.0-mini")
    for token in ("../../out", "/abs", "a b", ""):
        sample = {"scene_name": "scene-0103", "lidar_token": token}
        with pytest.raises(ValueError, match=r"lidar_token of the info file is .* cannot name a"):
            nuscenes.write(sample, classes)
    with pytest.raises(ValueError, match=r"scene_name of the info file is .* cannot name a file"):
        SemanticKITTISubmission(folder).write({"scene_name": "..", "lidar_path": "1.bin"}, classes)
    assert list(tmp_path.iterdir()) == []


def test_incomplete_submissions_are_named(tmp_path: Path) -> None:
    assert SemanticKITTISubmission(tmp_path).finish(["08"] * 4071 + ["11"] * 5) == [
        "The submission has 5 of the 921 samples of 11; it is incomplete."
    ]
    assert NuScenesSubmission(tmp_path, "v1.0-mini").finish(["mini_val"] * 80) == [
        "The submission has 80 of the 81 samples of mini_val; it is incomplete."
    ]
