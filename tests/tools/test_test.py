"""tools/test.py with detectors, maps and point classes, on the tiny data set."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.engine.run.launch import read_config
from perception_kd.registry import MODELS
from tests.fake_data.prepared import PreparedData
from tools import test as test_tool

CONFIGS = Path(__file__).parents[2] / "configs"
DETECTOR = CONFIGS / "det" / "det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py"
PROBE = (
    CONFIGS / "lidarseg" / "lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
)
SEGMENTOR = CONFIGS / "mapseg" / "smoke" / "mapseg_pillar02_8xb4-cyclic-20e_nus.py"


def save_untrained(config: Path, folder: Path, **dataset_meta: Any) -> str:
    cfg = read_config(config)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    state_dict = MODELS.build(cfg.model).state_dict()
    meta = {"dataset_meta": dataset_meta}
    torch.save({"state_dict": state_dict, "meta": meta}, folder / "model.pth")
    return str(folder / "model.pth")


def test_the_devkit_scores_a_detectors_submission(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    folders = prepared_synthetic.options_for(DETECTOR)
    given = [str(DETECTOR), save_untrained(DETECTOR, tmp_path), *folders]
    submission, images = tmp_path / "submission", tmp_path / "images"
    options = ["--format-only", "--out-dir", str(submission), "--show-dir", str(images)]
    work_dir = ["--work-dir", str(tmp_path / "work"), "--show-num", "2", "--score-thr", "0.2"]
    assert test_tool.main([*given, *options, *work_dir]) == 0
    nusc = NuScenes("v1.0-mini", folders[1], verbose=False)
    official = DetectionEval(
        nusc,
        config_factory("detection_cvpr_2019"),
        str(submission / "results_nusc.json"),
        "mini_val",
        str(tmp_path / "devkit"),
        verbose=False,
    )
    assert len(official.sample_tokens) == 3
    assert 0 <= official.evaluate()[0].serialize()["nd_score"] <= 1
    drawn = [path.stem for path in images.iterdir()]
    assert len(drawn) == 2
    assert set(drawn) < set(official.sample_tokens)


@pytest.mark.parametrize("config", [DETECTOR, SEGMENTOR], ids=lambda path: path.parent.name)
def test_data_with_another_order_of_classes_is_refused(
    config: Path,
    prepared_synthetic: PreparedData,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if config == DETECTOR:
        names = "pedestrian,truck,construction_vehicle,bus,trailer,barrier,motorcycle,bicycle"
        reordered = f"metainfo.classes=[{names},car,traffic_cone]"
    else:
        names = "divider,ped_crossing,walkway,stop_line,carpark_area,drivable_area"
        reordered = f"pipeline.load_masks.classes=[{names}]"
    folders = prepared_synthetic.options_for(config)
    given = [str(config), save_untrained(config, tmp_path), *folders]
    options = ["--work-dir", str(tmp_path), "--cfg-options", f"test_dataloader.dataset.{reordered}"]
    assert test_tool.main([*given, *options]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert "in this order, but got" in line


def test_point_classes_in_another_order_are_refused(
    prepared_synthetic: PreparedData, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = save_untrained(PROBE, tmp_path, seg_classes=NUSCENES_CLASSES[::-1])
    given = [str(PROBE), checkpoint, *prepared_synthetic.options_for(PROBE)]
    assert test_tool.main([*given, "--work-dir", str(tmp_path / "work")]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("error: seg_classes of the data that")
    assert line.endswith(f"which differ first in {NUSCENES_CLASSES[0]} for {NUSCENES_CLASSES[-1]}.")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--show-num", "0"], "--show-num needs --show-dir"),
        (["--score-thr", "0.5"], "--score-thr needs --show-dir"),
        (["--show-dir", "x", "--show-num", "0"], "--show-num must be at least 1, but got 0"),
        (["--show-dir", "x", "--score-thr", "1.5"], "--score-thr must be in [0, 1], but got 1.5"),
        (["--show-dir", "x", "--score-thr", "nan"], "--score-thr must be in [0, 1], but got nan"),
    ],
)
def test_wrong_options_of_drawing_are_usage_errors(
    options: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        test_tool.parse_args(["config.py", "model.pth", *options])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"error: {expected}")


def test_an_unwritable_show_dir_is_one_line(
    prepared_synthetic: PreparedData, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = save_untrained(DETECTOR, tmp_path)
    given = [str(DETECTOR), checkpoint, *prepared_synthetic.options_for(DETECTOR)]
    options = ["--work-dir", str(tmp_path / "work"), "--show-dir", checkpoint]
    assert test_tool.main([*given, *options]) == 2
    assert "error: Cannot write to --show-dir" in capfd.readouterr().err
