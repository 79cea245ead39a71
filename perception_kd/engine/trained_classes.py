"""Compare the classes of the training data with those of the test data."""

from collections.abc import Mapping
from typing import Any

from torch.nn import Module

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.models.tasks import PointSegmentor
from perception_kd.utils.checks import check_classes


def check_trained_classes(
    model: Module, checkpoint: Checkpoint, metainfo: Mapping[str, Any]
) -> None:
    """Check that training and test use the same classes of points.

    A point segmentor knows the number of its classes but not their names, which its
    checkpoint has from the training data. Other models know their class names.

    Args:
        model: Model that is tested.
        checkpoint: Its checkpoint, as mmengine's runner writes it.
        metainfo: Metainfo of the test data.

    Raises:
        ValueError: If both have names and these differ.
    """
    if not isinstance(model, PointSegmentor):
        return
    trained = (checkpoint.meta.get("dataset_meta") or {}).get("seg_classes")
    tested = metainfo.get("seg_classes")
    if trained is not None and tested is not None:
        check_classes(
            f"seg_classes of the data that {checkpoint.path} is tested on", tested, trained
        )
