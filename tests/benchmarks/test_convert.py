"""The benchmark of conversion: two converters agree on generated tables."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from perception_kd.benchmarks import convert
from perception_kd.benchmarks.scene_tables import KEYFRAMES, OBJECTS, write_scene_tables
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.io.info_file import read_info


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return converted tables of one scene of each split."""
    folder = tmp_path_factory.mktemp("convert")
    write_scene_tables(folder / "data", convert.TABLES_VERSION, ["scene-0001", "scene-0003"])
    (folder / "ours").mkdir()
    convert_nuscenes(
        folder / "data", convert.TABLES_VERSION, folder / "ours", workers=0, progress=False
    )
    return folder


def test_generated_tables_are_as_large_as_they_say(folder: Path) -> None:
    infos = read_info(folder / "ours" / "nuscenes_infos_train.pkl")["data_list"]
    assert len(infos) == KEYFRAMES
    assert [len(info.get("lidar_sweeps", ())) for info in infos] == [0] + [10] * 39
    assert {len(info["instances"]) for info in infos} == {OBJECTS}


@pytest.mark.slow
def test_mmdet3d_converts_the_same(folder: Path) -> None:
    convert._run_theirs(folder)
    assert convert.compare_infos(folder) < 1e-4


def test_other_samples_and_sweeps_are_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ours").symlink_to(folder / "ours")
    for part in ("train", "val"):
        infos = read_info(folder / "ours" / f"nuscenes_infos_{part}.pkl")["data_list"]
        theirs = [
            {"token": info["token"], "sweeps": [], "gt_boxes": np.zeros((OBJECTS, 7)), "cams": {}}
            for info in infos
        ]
        (tmp_path / f"reference_{part}.pkl").write_bytes(pickle.dumps(theirs))
    with pytest.raises(RuntimeError, match=r"Sweeps and boxes must be \(0, 30\), but are \(10, 30"):
        convert.compare_infos(tmp_path)
    (tmp_path / "reference_train.pkl").write_bytes(pickle.dumps(theirs[:3]))
    with pytest.raises(RuntimeError, match="Other samples of train were converted"):
        convert.compare_infos(tmp_path)
