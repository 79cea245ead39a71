"""Description of SemanticKITTI for the catalog."""

from perception_kd.datasets.data_set import DataSet
from perception_kd.datasets.semantickitti.labels import (
    SEMANTICKITTI_CLASSES,
    semantickitti_label_mapping,
)
from perception_kd.datasets.semantickitti.splits import split_sequences
from perception_kd.datasets.semantickitti.submission import SemanticKITTISubmission

DATA_SET = DataSet(
    seg_classes=SEMANTICKITTI_CLASSES,
    make_label_mapping=semantickitti_label_mapping,
    split_scenes=split_sequences,
    make_submission=SemanticKITTISubmission,
)
