"""Label mappings against the official ones in the devkit and mmdet3d."""

from pathlib import Path

import mmdet3d
import numpy as np
from mmdet3d.datasets import NuScenesDataset
from mmengine.config import Config
from nuscenes.eval.lidarseg.utils import LidarsegClassMapper
from nuscenes.nuscenes import NuScenes

from perception_kd.datasets.nuscenes.labels import (
    NUSCENES_CLASSES,
    NUSCENES_INFO_CLASSES,
    NUSCENES_TASK_CLASSES,
    nuscenes_label_mapping,
)
from perception_kd.datasets.semantic_labels import IGNORE_INDEX, UNKNOWN_LABEL
from perception_kd.datasets.semantickitti.labels import (
    SEMANTICKITTI_CLASSES,
    semantickitti_label_mapping,
    semantickitti_raw_labels,
)


def test_nuscenes_matches_the_devkit(fake_nuscenes: Path) -> None:
    devkit = LidarsegClassMapper(NuScenes("v1.0-mini", str(fake_nuscenes), verbose=False))
    mapping = nuscenes_label_mapping()
    assert len(devkit.fine_idx_2_coarse_idx_mapping) == 32
    for raw, official in devkit.fine_idx_2_coarse_idx_mapping.items():
        assert mapping[raw] == (official - 1 if official else IGNORE_INDEX)
    names = {number: name for name, number in devkit.coarse_name_2_coarse_idx_mapping.items()}
    assert [names[i + 1] for i in range(16)] == list(NUSCENES_CLASSES)


def test_boxes_have_the_classes_of_mmdet3d_in_two_orders() -> None:
    assert NuScenesDataset.METAINFO["classes"] == NUSCENES_INFO_CLASSES
    assert set(NUSCENES_TASK_CLASSES) == set(NUSCENES_INFO_CLASSES)
    assert len(NUSCENES_TASK_CLASSES) == 10


def test_semantickitti_matches_mmdet3d() -> None:
    mapping = semantickitti_label_mapping()
    for raw, number in mmdet3d_labels_map().items():
        assert mapping[raw] == (number if number < 19 else IGNORE_INDEX)
    # mmdet3d spells three names otherwise than the data set does.
    assert len(SEMANTICKITTI_CLASSES) == 19


def test_submissions_to_semantickitti_have_the_official_labels() -> None:
    # learning_map_inv of semantic-kitti.yaml, classes 1 to 19.
    official = [10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81]
    assert semantickitti_raw_labels().tolist() == official
    assert semantickitti_label_mapping()[official].tolist() == list(range(19))


def test_numbers_that_are_no_label_are_unknown() -> None:
    assert (nuscenes_label_mapping()[32:] == UNKNOWN_LABEL).all()
    assert (nuscenes_label_mapping()[:32] != UNKNOWN_LABEL).all()
    listed = list(mmdet3d_labels_map())
    assert (np.delete(semantickitti_label_mapping(), listed) == UNKNOWN_LABEL).all()


def mmdet3d_labels_map() -> dict[int, int]:
    """Return SemanticKITTI's learning map as mmdet3d's config has it, 19 = ignored."""
    folder = Path(mmdet3d.__file__).parent / ".mim" / "configs" / "_base_" / "datasets"
    labels_map: dict[int, int] = Config.fromfile(folder / "semantickitti.py").labels_map
    assert len(labels_map) == 34
    return labels_map
