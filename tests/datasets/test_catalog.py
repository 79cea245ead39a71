"""The catalog: all that depends on a data set follows from its entry."""

import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perception_kd.api.pretraining.sources import find_source
from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.catalog import DATA_SETS, SOURCES, Entry, creation_command, get_data_set
from perception_kd.datasets.data_set import DataSet
from perception_kd.datasets.semantic_labels import UNKNOWN_LABEL, make_label_mapping
from perception_kd.datasets.source import Source
from perception_kd.datasets.transforms import LoadPointLabels, LoadPoints
from perception_kd.engine.commands.create_regions import make_preset
from perception_kd.evaluation.lidar_seg_submission import make_submission
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from perception_kd.structures import Indices
from tests.datasets.small_dataset import make_small_dataset
from tools import create_data


class ToySubmission:
    """Label 0 is unknown; nothing is written."""

    num_classes = 2

    def __init__(
        self, folder: str | Path, version: str, meta: Mapping[str, bool] | None = None
    ) -> None:
        self.folder = folder

    def write(self, sample: Mapping[str, Any], classes: Indices) -> str:
        """Write nothing."""
        return "part"

    def finish(self, parts: Iterable[str]) -> list[str]:
        """Write nothing."""
        return []


TOY = DataSet(
    seg_classes=("wall", "floor"),
    make_label_mapping=lambda labels: make_label_mapping({"floor": [5]}, ("wall", "floor"), 256),
    split_scenes=lambda version, split: {"first": ["scene-0"]}[split],
    make_submission=ToySubmission,
    box_classes=("truck", "car"),
    versions=("v1", "v2"),
)


def make_toy_entry(monkeypatch: pytest.MonkeyPatch) -> Entry:
    """Make a package ``toy`` that has a description, and return its entry."""
    description = ModuleType("toy.description")
    vars(description)["DATA_SET"] = TOY
    monkeypatch.setitem(sys.modules, "toy", ModuleType("toy"))
    monkeypatch.setitem(sys.modules, "toy.description", description)
    return Entry("toy", "info files of toys", "toys", lidar_height=0.1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small data set whose info file is of a data set called Toy."""
    folder = make_small_dataset(tmp_path)
    info = read_info(folder / "infos.pkl")
    write_info(folder / "infos.pkl", {**info["metainfo"], "dataset": "Toy"}, info["data_list"])
    return folder


def build(root: Path, **settings: Any) -> CameraLidarDataset:
    return CameraLidarDataset("infos.pkl", str(root), serialize_data=False, **settings)


def test_a_further_data_set_is_one_entry(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA_SETS, "toy", make_toy_entry(monkeypatch))
    pipeline = [LoadPoints(), LoadPointLabels()]
    dataset = build(root, scenes="first", with_boxes=True, pipeline=pipeline)
    assert len(dataset) == 2
    assert dataset.metainfo["seg_classes"] == ("wall", "floor")
    assert dataset[0]["instances"]["labels_3d"].tolist() == [1, 0, 1, -1]  # car, truck, car, none
    stored = np.fromfile(root / "labels" / "0-0.bin", np.uint8)
    assert np.array_equal(dataset[0]["pts_semantic_mask"], np.where(stored == 5, 1, 255))
    assert isinstance(make_submission(root, dataset.metainfo), ToySubmission)
    (root / "v2").mkdir()
    expected = f"create_data.py toy --version v2 --root {root} --out-dir out"
    assert creation_command("toy_infos_train.pkl", str(root), "out").endswith(expected)


def test_data_of_an_entry_are_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("toy", tmp_path, ("--root", str(tmp_path)), tmp_path)
    module = ModuleType("toy.source")
    vars(module)["recognize"] = lambda root, out, version: source if root == tmp_path else None
    monkeypatch.setitem(sys.modules, "toy.source", module)
    monkeypatch.setitem(SOURCES, "toy", make_toy_entry(monkeypatch))
    assert find_source(tmp_path, tmp_path / "out") is source
    (tmp_path / "other").mkdir()
    with pytest.raises(
        ValueError, match=r"none of these: .*, nuScenes' tables, .*, ROS bags, toys\."
    ):
        find_source(tmp_path / "other", tmp_path / "out")


def test_pretraining_needs_no_entry(root: Path) -> None:
    dataset = build(root, pipeline=[LoadPoints()])
    assert len(dataset[0]["points"]) > 0
    assert "label_mapping" not in dataset[0]


def test_an_unknown_data_set_is_an_error_if_its_entry_is_needed(root: Path) -> None:
    unknown = "Unknown data set 'Toy'; known ones are folder, nuscenes, semantickitti"
    with pytest.raises(ValueError, match=unknown):
        build(root, scenes="train")
    with pytest.raises(ValueError, match=unknown):
        make_submission(root, build(root, metainfo=dict(seg_classes=["a"])).metainfo)
    with pytest.raises(ValueError, match=unknown):
        build(root, with_boxes=True)
    with pytest.raises(ValueError, match="No classes are known for the point labels of sample 0-0"):
        build(root, pipeline=[LoadPoints(), LoadPointLabels()])[0]


def test_a_data_set_without_boxes_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA_SETS, "toy", DATA_SETS["semantickitti"])
    with pytest.raises(ValueError, match=r"metainfo\.classes must be categories"):
        build(root, with_boxes=True)


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_entry_names_what_exists(name: str) -> None:
    data_set = get_data_set(name.upper())
    mapping = data_set.make_label_mapping(None)
    assert set(mapping) - {255, UNKNOWN_LABEL} == set(range(len(data_set.seg_classes)))
    assert callable(importlib.import_module(DATA_SETS[name].command).run)
    assert create_data.COMMANDS[name] == (DATA_SETS[name].command, DATA_SETS[name].about)
    assert make_preset(name).sensor_height == (DATA_SETS[name].lidar_height or 1.84)


def test_the_command_for_an_unknown_file_lists_all_data_sets() -> None:
    command = creation_command("own.pkl", "data", "out dir")
    expected = "create_data.py {folder,nuscenes,semantickitti} --root data --out-dir 'out dir'"
    assert command.endswith(expected)
