"""Tables in nuScenes' format whose sweeps are PCD files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.transforms import LoadPoints
from perception_kd.io.info_file import read_info
from perception_kd.io.layout_fields import read_layout
from perception_kd.structures import Sample
from tests.fake_data import make_nuscenes
from tests.io.point_files.write_points import write_pcd

NAMES = ("x", "y", "z", "intensity", "ring")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_nuscenes(tmp_path / "data", img_size=(18, 32), num_azimuths=36)


def convert(root: Path, folder: Path) -> list[dict[str, Any]]:
    convert_nuscenes(root, "v1.0-mini", out_dir=folder, workers=0, progress=False)
    samples: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.pkl")):
        samples += read_info(path)["data_list"]
    return samples


def store_as_pcd(root: Path, names: tuple[str, ...] = NAMES) -> None:
    for path in root.glob("s*/LIDAR*/*.bin"):
        points = np.fromfile(path, np.float32).reshape(-1, 5)
        rows = np.array([tuple(x) for x in points], [(name, "<f4") for name in NAMES])
        rows.dtype.names = names
        write_pcd(path.with_name(path.name.split(".")[0] + ".pcd"), rows, "binary_compressed")
        path.unlink()
    table = root / "v1.0-mini/sample_data.json"
    table.write_text(table.read_text().replace(".pcd.bin", ".pcd"))


def load(root: Path, sample: dict[str, Any]) -> Any:
    lidar = sample["lidar_points"]
    path = next(root.glob(f"s*/LIDAR*/{Path(lidar['lidar_path']).name}"))
    read: Sample = {"lidar_path": str(path), "point_layout": read_layout(lidar)}
    loaded = LoadPoints()(read)
    assert loaded is not None
    return loaded["points"]


def test_pcd_sweeps_give_the_same_samples(root: Path, tmp_path: Path) -> None:
    before = convert(root, tmp_path / "raw")
    points = [load(root, sample) for sample in before]
    store_as_pcd(root)
    after = convert(root, tmp_path / "pcd")
    assert json.dumps(after).count(".pcd.bin") == 0
    for sample, other, expected in zip(after, before, points, strict=True):
        assert sample["instances"] == other["instances"]
        np.testing.assert_array_equal(load(root, sample), expected)


def test_fields_of_other_names_are_named(root: Path, tmp_path: Path) -> None:
    store_as_pcd(root, ("x", "y", "z", "i", "ring"))
    with pytest.raises(ValueError, match=r"\.pcd has no field 'intensity'; it has x, y, z, i, r"):
        convert(root, tmp_path / "pcd")
