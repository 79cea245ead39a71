"""A data set whose points are stored in another format gives the same samples."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.transforms import LoadPointLabels, LoadPoints
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from perception_kd.io.layout_fields import layout_entry
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_files.readers import count_stored_points, read_points
from perception_kd.io.point_files.summary import propose_layout
from perception_kd.structures import PointLayout, Sample
from tests.datasets.small_dataset import make_small_dataset
from tests.io.point_files.write_points import (
    Rows,
    write_las,
    write_npz,
    write_pcd,
    write_ply,
)


def write_array(path: Path, rows: Rows) -> None:
    """Centimeters of another origin, whose first column is the intensity."""
    columns = rows["intensity"], rows["x"] * 100 + 7, rows["y"] * 100, rows["z"] * 100
    np.save(path, np.asfortranarray(np.stack(columns, axis=1)))


def write_packed(path: Path, rows: Rows) -> None:
    write_pcd(path, rows, "binary_compressed")


ARRAY = PointLayout(columns=(1, 2, 3, 0), unit=0.01, origin=(7.0, 0.0, 0.0))
CASES: dict[str, tuple[Callable[[Path, Rows], None], PointLayout]] = {
    "pcd": (write_packed, PointLayout()),
    "ply": (write_ply, PointLayout(columns=("x", "y", "z", "intensity", "ring"))),
    "npz": (write_npz, PointLayout()),
    "npy": (write_array, ARRAY),
    "las": (write_las, PointLayout()),
}


def rewrite(root: Path, suffix: str) -> None:
    """Store all points of a data set otherwise."""
    write, layout = CASES[suffix]
    for path in [*root.glob("lidar/*.bin"), *root.glob("sweeps/*.bin")]:
        points = np.fromfile(path, np.float32).reshape(-1, 5)
        fields = [(name, "<f8") for name in ("x", "y", "z", "intensity", "ring")]
        rows = np.array([tuple(point) for point in points], fields)
        write(path.with_suffix(f".{suffix}"), rows)
        path.unlink()
    info = read_info(root / "infos.pkl")
    for sample in info["data_list"]:
        entries = [sample["lidar_points"], *(x["lidar_points"] for x in sample["lidar_sweeps"])]
        for entry in entries:
            entry["lidar_path"] = entry["lidar_path"].replace(".bin", f".{suffix}")
        sample["lidar_points"] |= layout_entry(layout)
    write_info(root / "infos.pkl", info["metainfo"], info["data_list"])


def make(root: Path) -> Path:
    """A small data set whose intensities are integers, as LAS has them."""
    make_small_dataset(root, num_scenes=1)
    for path in [*root.glob("lidar/*.bin"), *root.glob("sweeps/*.bin")]:
        points = np.fromfile(path, np.float32).reshape(-1, 5)
        points[:, 3] = np.arange(len(points))
        points.tofile(path)
    return root


def load(root: Path) -> list[Sample]:
    pipeline: list[Any] = [LoadPoints(num_sweeps=2), LoadPointLabels()]
    mapping = np.arange(256)
    dataset = CameraLidarDataset(
        ann_file="infos.pkl", data_root=str(root), pipeline=[], serialize_data=False
    )
    samples = []
    for sample in (dataset.get_data_info(i) for i in range(len(dataset))):
        sample["label_mapping"] = mapping
        for step in pipeline:
            sample = step(sample)
        samples.append(sample)
    return samples


@pytest.mark.parametrize("suffix", CASES)
def test_samples_are_those_of_raw_rows(tmp_path: Path, suffix: str) -> None:
    expected = load(make(tmp_path))
    rewrite(tmp_path, suffix)
    for sample, other in zip(load(tmp_path), expected, strict=True):
        np.testing.assert_allclose(sample["points"], other["points"], rtol=0, atol=2e-6)
        np.testing.assert_array_equal(sample["original_points"], other["original_points"])
        np.testing.assert_array_equal(sample["pts_semantic_mask"], other["pts_semantic_mask"])


@pytest.mark.parametrize("suffix", CASES)
def test_regions_read_the_same_points(tmp_path: Path, suffix: str) -> None:
    root = make(tmp_path)
    before = [sweep.path for sweep in list_sweeps("infos.pkl", read_info(root / "infos.pkl"), root)]
    points = [read_points(path, PointLayout(num_columns=5)) for path in before]
    rewrite(root, suffix)
    sweeps = list_sweeps("infos.pkl", read_info(root / "infos.pkl"), root)
    for sweep, expected in zip(sweeps, points, strict=True):
        assert count_stored_points(sweep.path, sweep.layout) == len(expected)
        found = read_points(sweep.path, sweep.layout)
        np.testing.assert_allclose(found[:, :4], expected[:, :4], rtol=0, atol=2e-6)


@pytest.mark.skipif("PERCEPTION_KD_REAL_DATA" not in os.environ, reason="no real data")
def test_clouds_of_a_real_car_are_read_as_they_are() -> None:
    folder = Path(os.environ["PERCEPTION_KD_REAL_DATA"]) / "own_rig/lidar"
    for path in sorted(folder.glob("*.pcd")):
        layout, notes = propose_layout(path)
        points = read_points(path, layout)
        assert layout == PointLayout(columns=("x", "y", "z", "intensity"))
        assert notes == ()
        assert len(points) > 60_000
        assert np.abs(points[:, :3]).max() < 300
        assert 200 < points[:, 3].max() <= 255
