"""Licenses of what a model was made from: teachers and data sets that are known."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from perception_kd.engine.config.overrides import walk_settings

NOT_STATED = "not stated"


class CardSource(NamedTuple):
    """A teacher or a data set, as a model card names it.

    Attributes:
        name: Its name.
        license: Its license, or "not stated".
    """

    name: str
    license: str = NOT_STATED


# By what the file or folder of its weights, or its settings, contain; first match.
_TEACHERS = (
    ("dinov3", CardSource("DINOv3", "DINOv3 License")),
    ("dinov2", CardSource("DINOv2", "Apache-2.0")),
    ("dino", CardSource("DINO", "Apache-2.0")),
    ("moco", CardSource("MoCo v2", "CC BY-NC 4.0 (non-commercial)")),
    ("swin_", CardSource("Swin Transformer, ImageNet", "MIT")),
    ("efficientnet", CardSource("EfficientNet-Lite0, ImageNet", "Apache-2.0")),
    ("resnet", CardSource("ResNet of torchvision, ImageNet", "BSD-3-Clause")),
)
# A conversion tells formats apart, not who has recorded: other data has these, too.
_DATA = {
    "nuscenes": CardSource(
        "data in the format of nuScenes",
        "that of the data; nuScenes itself: CC BY-NC-SA 4.0 (non-commercial)",
    ),
    "semantickitti": CardSource(
        "data in the format of SemanticKITTI",
        "that of the data; SemanticKITTI itself: CC BY-NC-SA (non-commercial)",
    ),
    "folder": CardSource("own recording"),
}


def find_teacher(model: Mapping[str, Any]) -> CardSource | None:
    """Return the image network that a training learned or started from.

    Args:
        model: Value of ``model`` in the config of the training.

    Returns:
        None for networks without images. A network that is not known has no license.
    """
    settings = model.get("img_backbone")
    if not settings:
        return None
    files = [
        str(part[key])
        for part in walk_settings(settings)
        for key in ("checkpoint", "model", "function")
        if part.get(key)
    ]
    kinds = [str(part["type"]) for part in walk_settings(settings) if "type" in part]
    if "CallableTeacher" in kinds:
        return CardSource(f"network of your own ({', '.join(files)})")
    if "EfficientNetLite" in kinds and files:
        files = ["efficientnet", *files]
    if not files:
        return CardSource("random weights", "none needed")
    text = " ".join(files).lower()
    known = next((source for part, source in _TEACHERS if part in text), None)
    return known or CardSource(", ".join(files))


def find_data(dataset_meta: Mapping[str, Any]) -> CardSource:
    """Return the data of a training.

    Args:
        dataset_meta: ``dataset_meta`` of its checkpoint.
    """
    name = str(dataset_meta.get("dataset", "")).lower()
    return _DATA.get(name, CardSource(name or "data that the checkpoint does not name"))
