"""Findings on the calibration of cameras."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_kd.doctor.calibration import Calibrations
from perception_kd.doctor.finding import Level
from perception_kd.doctor.infos import Info, InfoSource, read_source
from perception_kd.doctor.page import render_findings
from perception_kd.io.images import write_image
from perception_kd.io.info_writer import make_metainfo, write_info
from tests.calibration.scene import CAM2IMG, LIDAR2CAM, SIZE, make_frame


def make_info(folder: Path, names: dict[str, NDArray[np.float64]]) -> Info:
    """Write three samples of cameras that have an image and some extrinsics."""
    samples = []
    for seed in range(3):
        frame = make_frame(seed)
        frame.points.tofile(folder / f"{seed}.bin")
        write_image(folder / f"{seed}.png", frame.image)
        view = {"img_path": f"{seed}.png", "height": SIZE[0], "width": SIZE[1]}
        views = {
            name: {**view, "cam2img": CAM2IMG.tolist(), "lidar2cam": matrix.tolist()}
            for name, matrix in names.items()
        }
        samples.append(
            {
                "token": f"sample-{seed}",
                "scene_name": "street",
                "lidar_points": {"lidar_path": f"{seed}.bin", "num_pts_feats": 4},
                "images": views,
            }
        )
    prefix = dict.fromkeys(("pts", *names), "")
    path = folder / "own_infos_train.pkl"
    write_info(path, make_metainfo("folder", "1.0", "", data_prefix=prefix), samples)
    info = read_source(InfoSource(path, folder, folder))
    assert isinstance(info, Info)
    return info


def test_each_camera_has_a_finding_and_a_figure(tmp_path: Path) -> None:
    cameras = {"good": LIDAR2CAM, "inverted": np.linalg.inv(LIDAR2CAM)}
    calibrations = Calibrations(with_figures=True)
    good, inverted = calibrations.check([make_info(tmp_path, cameras)])
    assert good.level is Level.OK
    assert "good: best as given" in good.what
    assert inverted.level is Level.ERROR
    assert "images.inverted.lidar2cam: is this cam2lidar? If so, store its inverse." in str(
        inverted
    )
    page = render_findings([good, inverted], calibrations.figures)
    assert page.count('<img src="data:image/') == 2
    assert "Calibration of inverted" in page


def test_cameras_that_cannot_be_judged_are_a_warning(tmp_path: Path) -> None:
    info = make_info(tmp_path, {"left": LIDAR2CAM})
    info.samples[0]["images"]["left"]["cam2img"] = [1, 2]
    (finding,) = Calibrations(with_figures=False).check([info])
    assert finding.level is Level.WARNING
    assert "Cameras cannot be judged: " in finding.what
    assert "cam2img must be 3x3" in finding.what
