"""Class-balanced sampling: balance, absent classes, seeds and repeated samples."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.class_balanced import CBGSDataset
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from perception_kd.registry import DATASETS
from tests.datasets.small_dataset import make_small_dataset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight samples with a car each, the first with a truck as well."""
    folder = make_small_dataset(tmp_path_factory.mktemp("small"))
    info = read_info(folder / "infos.pkl")
    for sample in info["data_list"][1:]:
        sample["instances"] = [b for b in sample["instances"] if b["bbox_label_3d"] != 1]
    write_info(folder / "infos.pkl", info["metainfo"], info["data_list"])
    return folder


def build(root: Path, **settings: Any) -> CBGSDataset:
    inner = dict(
        type="CameraLidarDataset",
        ann_file="infos.pkl",
        data_root=str(root),
        with_boxes=True,
        serialize_data=False,
    )
    return DATASETS.build(dict(type="CBGSDataset", dataset=inner | settings))


def test_classes_are_drawn_equally_often_and_absent_ones_ignored(root: Path) -> None:
    # 8 samples with a car and 1 with a truck: 9 over two classes are 4 draws of each.
    dataset = build(root)
    assert len(dataset) == 8
    assert dataset.sample_indices[4:] == [0] * 4
    assert set(dataset.sample_indices[:4]) <= set(range(8))
    assert dataset.get_cat_ids(7) == {0, 1}


def test_the_draw_depends_on_the_seed_alone(root: Path) -> None:
    np.random.seed(1)  # noqa: NPY002
    first = build(root).sample_indices
    np.random.seed(2)  # noqa: NPY002
    assert build(root).sample_indices == first
    assert any(build(root, seed=seed).sample_indices != first for seed in (1, 2, 3))


def test_repetitions_are_augmented_differently(root: Path) -> None:
    dataset = build(root, pipeline=[lambda sample: sample])
    samples = [dataset[i] for i in range(len(dataset))]
    draws = [(s["sample_token"], s["rng"].integers(2**62)) for s in samples]
    assert Counter(token for token, _ in draws)["0-0"] >= 4
    assert len({draw for _, draw in draws}) == len(draws)
    again = build(root, pipeline=[lambda sample: sample])
    assert [again[i]["rng"].integers(2**62) for i in range(8)] == [draw for _, draw in draws]
    # Its first time is what the data set itself gives.
    plain: CameraLidarDataset = dataset.dataset
    first = dict(reversed(draws))
    assert first["0-0"] == plain[0]["rng"].integers(2**62)


def test_rejects_data_without_boxes(root: Path) -> None:
    with pytest.raises(ValueError, match="with_boxes=True"):
        build(root, with_boxes=False)
    with pytest.raises(ValueError, match=r"No sample of .* has a valid box"):
        build(root, metainfo=dict(classes=["bus"]), test_mode=True)
