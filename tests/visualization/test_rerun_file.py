"""Files of Rerun hold what was added, and appear whole or not at all."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.experiments.report.detections import Detections
from perception_kd.experiments.report.scenes import record_detections
from perception_kd.visualization import rerun_file as module
from perception_kd.visualization.rerun_file import RerunFile
from tests.recordings import read_recording

# Bottom center, length, width, height, and a quarter turn to the left.
BOX = [[10.0, 2.0, -1.0, 4.0, 2.0, 1.5, math.pi / 2]]


@pytest.fixture(autouse=True)
def needs_rerun(request: pytest.FixtureRequest) -> None:
    if "monkeypatch" not in request.fixturenames:
        pytest.importorskip("rerun")


def test_points_images_and_boxes_stand_at_their_steps(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "scene.rrd"
    points = np.arange(6, dtype=np.float32).reshape(2, 3)
    with RerunFile(path) as rerun_file:
        for step in (0, 3):
            rerun_file.set_step("keyframe", step)
            rerun_file.add_points("lidar/points", points + step, np.array([255, 0, 16], np.uint8))
        rerun_file.add_boxes("lidar/boxes", LiDARInstance3DBoxes(torch.tensor(BOX)), (1, 2, 3))
        rerun_file.add_image("cameras/front", np.zeros((4, 6, 3), np.uint8))
    scene = read_recording(path, "keyframe")
    np.testing.assert_array_equal(scene["lidar/points:Position3D"][0], points)
    np.testing.assert_array_equal(scene["lidar/points:Position3D"][1], points + 3)
    assert scene["lidar/points:Color"][0][0] == 0xFF0010FF
    # Centers are those of the volume: 0.75 m above the bottom.
    np.testing.assert_allclose(scene["lidar/boxes:PoseTranslation3D"][1], [[10, 2, -0.25]])
    np.testing.assert_allclose(scene["lidar/boxes:HalfSize3D"][1], [[2, 1, 0.75]])
    half = math.sqrt(0.5)
    np.testing.assert_allclose(
        scene["lidar/boxes:PoseRotationQuat"][1], [[0, 0, half, half]], atol=1e-6
    )
    assert scene["cameras/front:Blob"][1] is not None


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), RerunFile(tmp_path / "scene.rrd"):
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_a_report_records_as_many_boxes_as_there_are(tmp_path: Path) -> None:
    truth = LiDARInstance3DBoxes(torch.tensor(BOX))
    scores = torch.tensor([0.1, 0.9, 0.5, 0.99])
    boxes = torch.tensor(BOX * 4)
    # The last one lies beyond the 50 m that the report draws.
    boxes[:, 0] = torch.tensor([1.0, 2.0, 3.0, 60.0])
    found = Found(boxes, scores)
    sample: Any = {"points": np.zeros((5, 4), np.float32), "gt_bboxes_3d": truth}
    with RerunFile(tmp_path / "scene.rrd") as rerun_file:
        record_detections(rerun_file, Detections([sample], {"det": {"prc": [found]}}))
    scene = read_recording(tmp_path / "scene.rrd", "keyframe")
    assert len(scene["lidar/points:Position3D"][0]) == 5
    assert scene["lidar/boxes/truth:PoseTranslation3D"][0][0][0] == 10
    # The surest one alone, since one is annotated.
    assert [row[0] for row in scene["lidar/boxes/det/prc:PoseTranslation3D"][0]] == [2]


class Found(SimpleNamespace):
    """Predictions of a keyframe, as mmengine's InstanceData has them."""

    def __init__(self, boxes: torch.Tensor, scores: torch.Tensor) -> None:
        super().__init__(bboxes_3d=LiDARInstance3DBoxes(boxes), scores_3d=scores)

    def __getitem__(self, rows: torch.Tensor) -> "Found":
        return Found(self.bboxes_3d.tensor[rows], self.scores_3d[rows])


def test_a_missing_package_is_an_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r'install it with pip install "perception-kd\[rerun\]"'):
        RerunFile(tmp_path / "scene.rrd")
