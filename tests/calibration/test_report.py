"""Verdicts on the cameras of info files."""

import json
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger

from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.calibration.motions import Motion
from perception_kd.calibration.report import report_calibration
from perception_kd.datasets.conversion import Converted, check_calibration
from perception_kd.io.image_files import read_image
from perception_kd.io.images import write_image
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import InfoExcerpt, make_metainfo, write_info
from perception_kd.structures import InfoEntry
from tests.calibration.scene import SIZE, make_frame


@pytest.fixture
def make_info(tmp_path: Path) -> Callable[..., Path]:
    """Write files of three samples with two cameras, the second turned by 1 degree."""

    def make(names: tuple[str, ...] = ("left", "far/right")) -> Path:
        samples = [_write_sample(tmp_path, seed, names) for seed in range(3)]
        prefix = dict.fromkeys(("pts", *names), "")
        metainfo = make_metainfo("nuscenes", "own", "true", data_prefix=prefix)
        write_info(tmp_path / "own_infos_train.pkl", metainfo, samples)
        return tmp_path / "own_infos_train.pkl"

    return make


def _write_sample(folder: Path, seed: int, names: tuple[str, ...]) -> InfoEntry:
    frame = make_frame(seed)
    frame.points.tofile(folder / f"{seed}.bin")
    write_image(folder / f"{seed}.png", frame.image)
    view = {"img_path": f"{seed}.png", "height": SIZE[0], "width": SIZE[1]}
    turn = Motion("turn", 1, 1.0).matrix
    return {
        "token": f"sample-{seed}",
        "scene_name": "street",
        "lidar_points": {"lidar_path": f"{seed}.bin", "num_pts_feats": 4},
        "images": {
            name: view
            | {
                "cam2img": frame.cam2img.tolist(),
                "lidar2cam": ((turn if number else np.eye(4)) @ frame.lidar2cam).tolist(),
            }
            for number, name in enumerate(names)
        },
    }


def read_excerpt(path: Path) -> InfoExcerpt:
    """Return all samples of an info file."""
    info = read_info(path)
    return InfoExcerpt(path, info["metainfo"], info["data_list"], len(info["data_list"]))


def test_verdicts_come_with_drawings(
    make_info: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="mmengine"):
        verdicts = report_calibration([read_excerpt(make_info())], tmp_path, tmp_path)
    assert "best as given" in verdicts[0].line
    assert "far/right: looks turned by about 1 degree about its y axis" in verdicts[1].line
    stored = json.loads((tmp_path / "calibration/verdicts.json").read_text())
    assert [entry["verdict"] for entry in stored] == [verdict.text for verdict in verdicts]
    right = read_image(tmp_path / "calibration/far_right.jpg")
    left = read_image(tmp_path / "calibration/left.jpg")
    assert right.shape[1] > 2 * left.shape[1]  # as corrected beside as given


@pytest.mark.parametrize(("num_left_out", "is_warning"), [(0, True), (1, False)])
def test_a_camera_that_cannot_be_told_is_a_warning(
    make_info: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_left_out: int,
    is_warning: bool,
) -> None:
    path = make_info(names=("left",))
    for seed in range(3):
        write_image(tmp_path / f"{seed}.png", np.full((*SIZE, 3), 128, np.uint8))
    for seed in range(num_left_out):
        (tmp_path / f"{seed}.bin").unlink()
    warnings: list[str] = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, "warning", lambda text, *values: warnings.append(text % values))
    (verdict,) = report_calibration([read_excerpt(path)], tmp_path, tmp_path)
    assert "cannot tell" in verdict.line
    assert ["nothing was proven" in text for text in warnings] == [True] * is_warning


def test_files_that_cannot_be_read_are_left_out(
    make_info: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_info()
    (tmp_path / "0.png").write_bytes(b"no image")
    (tmp_path / "1.bin").unlink()
    verdicts = report_calibration([read_excerpt(path)], tmp_path, tmp_path)
    assert [verdict.num_frames for verdict in verdicts] == [1, 1]


def test_an_info_file_without_cameras_has_no_verdict(
    make_info: Callable[..., Path], tmp_path: Path
) -> None:
    assert report_calibration([read_excerpt(make_info(names=()))], tmp_path, tmp_path) == []
    assert not (tmp_path / "calibration").exists()


def test_a_wrong_field_is_named(make_info: Callable[..., Path], tmp_path: Path) -> None:
    path = make_info()
    info = read_info(path)
    info["data_list"][0]["images"]["left"]["cam2img"] = [1, 2]
    write_info(path, info["metainfo"], info["data_list"])
    with pytest.raises(ValueError, match=r"images\.left\.cam2img must be 3x3"):
        report_calibration([read_excerpt(path)], tmp_path, tmp_path)


@pytest.mark.parametrize("is_left_out", [True, False])
def test_a_conversion_can_leave_the_verdict_out(
    make_info: Callable[..., Path], tmp_path: Path, is_left_out: bool
) -> None:
    args = Namespace(no_calibration_check=is_left_out)
    converted = Converted(excerpts=[read_excerpt(make_info(names=("left",)))])
    check_calibration(args, converted, tmp_path)
    assert (tmp_path / "calibration/left.jpg").exists() != is_left_out


def test_inverted_extrinsics_stop_a_conversion(
    make_info: Callable[..., Path], tmp_path: Path
) -> None:
    excerpt = read_excerpt(make_info(names=("left", "right")))
    for sample in excerpt.samples:
        view = sample["images"]["right"]
        view["lidar2cam"] = np.linalg.inv(view["lidar2cam"]).tolist()
    source = Extrinsics("rig.yaml: cameras.right.lidar2cam", remedy="rename it to cam2lidar")
    converted = Converted(excerpts=[excerpt], extrinsics={"right": source})
    args = Namespace(no_calibration_check=False)
    expected = (
        r"rig\.yaml: cameras\.right\.lidar2cam: is this cam2lidar\? If so, rename it to "
        r"cam2lidar\. right looks inverted \(0\.0% of the points .*--no-calibration-check"
    )
    with pytest.raises(ValueError, match=expected):
        check_calibration(args, converted, tmp_path)
    assert (tmp_path / "calibration/right.jpg").exists()


@pytest.mark.slow
@pytest.mark.skipif("PERCEPTION_KD_REAL_DATA" not in os.environ, reason="needs real data")
def test_real_calibrations_are_not_called_wrong(tmp_path: Path) -> None:
    from perception_kd.datasets.nuscenes.converter import convert_nuscenes

    root = Path(os.environ["PERCEPTION_KD_REAL_DATA"]) / "nuscenes"
    converted = convert_nuscenes(root, "v1.0-mini", tmp_path, workers=0, progress=False)
    verdicts = report_calibration(converted.excerpts, root, tmp_path)
    assert not any(verdict.errors for verdict in verdicts)
    assert sum("best as given" in verdict.line for verdict in verdicts) >= 2
    for excerpt in converted.excerpts:
        for sample in excerpt.samples:
            for view in sample["images"].values():
                turned = Motion("turn", 1, 1.0).matrix @ np.array(view["lidar2cam"])
                view["lidar2cam"] = turned.tolist()
    verdicts = report_calibration(converted.excerpts, root, tmp_path)
    assert not any("best as given" in verdict.line for verdict in verdicts)
    assert sum(verdict.errors[:1] != () for verdict in verdicts) >= 4
