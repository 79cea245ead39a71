"""Description of nuScenes for the catalog."""

from perception_kd.datasets.data_set import DataSet
from perception_kd.datasets.nuscenes.labels import (
    NUSCENES_CLASSES,
    NUSCENES_TASK_CLASSES,
    nuscenes_label_mapping,
    point_class,
)
from perception_kd.datasets.nuscenes.splits import NUSCENES_VERSIONS, split_scenes
from perception_kd.datasets.nuscenes.submission import NuScenesSubmission

DATA_SET = DataSet(
    seg_classes=NUSCENES_CLASSES,
    make_label_mapping=nuscenes_label_mapping,
    split_scenes=split_scenes,
    make_submission=NuScenesSubmission,
    box_classes=NUSCENES_TASK_CLASSES,
    has_devkit_boxes=True,
    versions=NUSCENES_VERSIONS,
    class_of_category=point_class,
)
