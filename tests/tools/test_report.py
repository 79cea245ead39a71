"""tools/report.py: predictions for keyframes on one page, or why they are missing."""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from perception_kd.experiments import comparisons
from perception_kd.experiments.report import scenes, write_report
from perception_kd.experiments.report.detections import RADIUS, load_detections
from perception_kd.experiments.report.keyframes import VIEW_RANGE, load_keyframes
from perception_kd.experiments.report.map_predictions import load_maps
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.experiments.trials import Comparison
from perception_kd.registry import MODELS
from tests.fake_data.prepared import PreparedData
from tests.recordings import read_recording
from tests.test_configs import CONFIGS, SLIDR_SMOKE
from tools import report

DETECTOR = CONFIGS / "det" / "det_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py"
MAPS = CONFIGS / "mapseg" / "mapseg-probe_r18-lss-small_1xb2-adamw-cosine-4e_synthetic.py"
PROBE = (
    CONFIGS / "lidarseg" / "lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
)


# The demo, with a smaller pre-training.
SLIDR = comparisons.PRETRAININGS["slidr"]._replace(config=str(SLIDR_SMOKE))
SMALL = Comparison({**comparisons.PRETRAININGS, "slidr": SLIDR}, comparisons.PROTOCOLS)


def write_run(folder: Path, path: Path, options: list[str]) -> None:
    """Write the files of a training: config, random checkpoint, and its name."""
    folder.mkdir(parents=True)
    cfg: Any = read_config(path)
    set_data_folders(cfg, options[1], options[3])
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    weights = MODELS.build(Config.fromfile(path).model).state_dict()
    torch.save({"state_dict": weights}, folder / "epoch_1.pth")
    (folder / "last_checkpoint").write_text(str(folder / "epoch_1.pth"))
    cfg.dump(folder / path.name)


@pytest.fixture(scope="module")
def work_dir(prepared_synthetic: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a demo in which the probe from SLidR has not started."""
    folder = tmp_path_factory.mktemp("report") / "demo"
    options = prepared_synthetic.options_for(SLIDR_SMOKE)
    write_run(folder / "pretrain" / "slidr" / "seed0", SLIDR_SMOKE, options)
    write_run(folder / "linear_probe" / "random" / "seed0", PROBE, options)
    return folder


def test_the_page_shows_what_is_finished(work_dir: Path, tmp_path: Path) -> None:
    page = write_report(work_dir, tmp_path / "page.html", 1, SMALL).read_text(encoding="utf-8")
    data = re.search(r'id="data-clouds">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    (cloud,) = json.loads(data[1])["keyframes"]
    assert set(cloud["labels"]) == {"truth", "random"}
    assert "No prediction of the probe from SLidR: not finished." in page
    # The only camera of the smoke config, with and without drawings.
    assert page.count("data:image/jpeg;base64,") == 2


def test_boxes_and_maps_need_no_other_stages(
    prepared_synthetic: PreparedData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    for protocol, config in (("det_lidar_10", DETECTOR), ("mapseg_probe", MAPS)):
        options = prepared_synthetic.options_for(config)
        write_run(folder / protocol / "random" / "seed0", config, options)
    work = WorkDir.read(folder)
    detections, maps = load_detections(work, 1), load_maps(work, 1)
    (sample,) = detections.samples
    assert len(sample["imgs"]) == len(sample["cam2img"]) == 6
    # Only the sweep of the keyframe; the network got two sweeps.
    assert (sample["original_points"] >= 0).all()
    assert sample["gt_bboxes_3d"].tensor[:, :2].abs().max() < RADIUS
    (found,) = detections.found["det_lidar_10"]["random"]
    assert len(found.bboxes_3d) == len(found.scores_3d) > 0
    predicted = maps["mapseg_probe"]["random"]
    assert predicted.classes[0] == "drivable_area"
    assert predicted.samples[0].sample_token == sample["sample_token"]
    assert predicted.samples[0].pred_bev_seg.masks.shape == (6, 200, 200)

    assert report.main([str(folder), "--num", "1"]) == 0
    assert capsys.readouterr().out.strip().endswith(str(folder / "report.html"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "No images: " in page
    assert "LiDAR detection, 10 % of labels: no boxes of PRC yet." in page
    # Six cameras; one BEV image of boxes; two maps of all classes and of each class.
    assert page.count("data:image/jpeg;base64,") == 6
    assert page.count("data:image/png;base64,") == 1 + 2 * 7


def test_a_recording_for_rerun_has_points_and_images(
    work_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("rerun")
    (keyframe,) = load_keyframes(WorkDir.read(work_dir, SMALL), 1)
    monkeypatch.setattr(scenes, "load_keyframes", lambda work, num: [keyframe][:num])
    path = tmp_path / "scenes.rrd"
    words = [str(work_dir), "--out", str(tmp_path / "page.html"), "--num", "1"]
    assert report.main([*words, "--rerun", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    scene = read_recording(path, "keyframe")
    (points,) = scene["lidar/features:Position3D"]
    np.testing.assert_allclose(points, keyframe.positions, atol=1e-5)
    # Colors are those of features, so they differ between points.
    assert len(set(scene["lidar/features:Color"][0])) > 10
    assert [name for name in scene if name.startswith("cameras/")]


def test_a_truncated_checkpoint_costs_only_its_images(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    run = tmp_path / "det_lidar_10" / "random" / "seed0"
    write_run(run, DETECTOR, prepared_synthetic.options_for(DETECTOR))
    (checkpoint,) = run.glob("*.pth")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert report.main([str(tmp_path), "--num", "1"]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No boxes: Cannot read the checkpoint" in page
    assert str(checkpoint) in page


@pytest.mark.parametrize("kind", ["superpixels", "infos", "sweeps", "weights"])
def test_a_damaged_file_costs_only_what_reads_it(
    prepared_synthetic: PreparedData, tmp_path: Path, kind: str
) -> None:
    _, data_root, _, info_root = prepared_synthetic.options_for(SLIDR_SMOKE)
    shutil.copytree(info_root, tmp_path / "info")
    shutil.copytree(data_root, tmp_path / "data")
    run = tmp_path / "demo" / "pretrain" / "slidr" / "seed0"
    folders = ["", str(tmp_path / "data"), "", str(tmp_path / "info")]
    write_run(run, SLIDR_SMOKE, folders)
    files = {
        "superpixels": list((tmp_path / "info" / "superpixels").rglob("*.png")),
        "infos": [*(tmp_path / "info").glob("*.pkl")],
        "sweeps": [*(tmp_path / "data" / "samples" / "LIDAR_TOP").iterdir()],
        "weights": [run / "epoch_1.pth"],
    }
    assert files[kind]
    for path in files[kind]:
        path.write_bytes(b"damaged")
    page = write_report(tmp_path / "demo", None, 1, SMALL).read_text(encoding="utf-8")
    (reason,) = set(re.findall(r"No images: (.*?)</p>", page))
    assert any(str(path) in html.unescape(reason) for path in files[kind])


def test_keyframes_have_one_value_per_shown_point(work_dir: Path) -> None:
    (keyframe,) = load_keyframes(WorkDir.read(work_dir, SMALL), 1)
    num = len(keyframe.shown)
    assert keyframe.point_feats.shape == (num, 64)
    assert keyframe.predictions["random"].shape == (num,)
    assert np.linalg.norm(keyframe.positions[:, :2], axis=1).max() < VIEW_RANGE
    assert keyframe.sample["imgs"][0].shape == (180, 320, 3)
    assert keyframe.truth is not None
    raw = np.fromfile(str(keyframe.sample["pts_semantic_mask_path"]), np.uint8)
    mapping = keyframe.sample["label_mapping"]
    rows = keyframe.sample["original_points"][keyframe.shown]
    assert (keyframe.truth == mapping[raw[rows]]).all()
    assert np.linalg.norm(keyframe.pixel_feats, axis=-1) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(keyframe.point_feats[keyframe.in_range], axis=1) == pytest.approx(1)


def test_missing_data_costs_only_the_images(work_dir: Path, tmp_path: Path) -> None:
    moved = tmp_path / "demo" / "pretrain" / "slidr" / "seed0"
    write_run(moved, SLIDR_SMOKE, ["", "/no/such/data", "", "/no/such/infos"])
    page = write_report(tmp_path / "demo", comparison=SMALL).read_text(encoding="utf-8")
    assert "No images: No folder at data_root=/no/such/data" in page


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("open({ran!r}, 'w')", "must be a config as mmengine writes it"),
        ("import os", "must be a config as mmengine writes it"),
        ("model = dict(type='builtins.open', file={ran!r}, mode='w')", ""),
        ("custom_imports = dict(imports=['ran'])", ""),
        ("test_dataloader = dict(dataset=dict(data_root=3))", "has no data_root and info_root"),
    ],
)
def test_a_config_in_a_work_dir_is_never_run(
    work_dir: Path, tmp_path: Path, line: str, expected: str
) -> None:
    """Neither as a program nor as settings that name a function."""
    shutil.copytree(work_dir / "linear_probe", tmp_path / "demo" / "linear_probe")
    shutil.copytree(work_dir / "pretrain", tmp_path / "demo" / "pretrain")
    (path,) = (tmp_path / "demo" / "linear_probe" / "random" / "seed0").glob("*.py")
    (path.parent / "ran.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    path = path.rename(path.with_name("a.py"))
    path.write_text(path.read_text() + "\n" + line.format(ran=str(tmp_path / "ran")) + "\n")
    page = write_report(tmp_path / "demo", None, 1, SMALL).read_text(encoding="utf-8")
    assert not (tmp_path / "ran").exists()
    assert expected in html.unescape(page)
    assert page.count("data:image/jpeg;base64,") == (0 if expected else 2)


def test_a_missing_work_dir_is_reported_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(tmp_path / "none")]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: There is no work dir")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "is not a work dir of a demo: it has none of pretrain/, linear_probe/"),
        (["--out", "{folder}"], "--out {folder} is a folder"),
        (["--out", "{folder}/file/a.html"], "Cannot write to the folder of --out {folder}/file"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_work(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    (tmp_path / "file").touch()
    if options:
        (tmp_path / "stages").mkdir()
    words = [option.format(folder=tmp_path) for option in options]
    assert report.main([str(tmp_path), *words]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert expected.format(folder=tmp_path) in line
    assert not list(tmp_path.glob("*.html"))
