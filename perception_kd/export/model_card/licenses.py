"""Licenses of what a model was made from: teachers and data sets that are known.

A license is stated only for what is surely recognized: by the whole name of a published
file or folder, never by a part of a path. Everything else is for the owner to say.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from perception_kd.api.inference.building import PROGRAM, SIZED_BY_CHECKPOINT
from perception_kd.datasets.catalog import DATA_SETS
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.models.backbones.efficientnet_lite import FROM_PACKAGE

NOT_STATED = "not stated"
UNKNOWN = "unknown: ask the owner"


class CardSource(NamedTuple):
    """A teacher or a data set, as a model card names it.

    Attributes:
        name: Its name.
        license: Its license, or "unknown: ask the owner".
    """

    name: str
    license: str = UNKNOWN


_IMAGENET_SWIN = CardSource("Swin Transformer, ImageNet", "MIT")
_TORCHVISION = CardSource("ResNet of torchvision, ImageNet", "BSD-3-Clause")
_DINO = CardSource("DINO", "Apache-2.0")
_DINOV2 = CardSource("DINOv2", "Apache-2.0")
_DINOV3 = CardSource("DINOv3", "DINOv3 License")
_MOCO = CardSource("MoCo v2", "CC BY-NC 4.0 (non-commercial)")
# Files by their published names, of which most hold a part of the file's hash.
_FILES = {
    "moco_v2_800ep_pretrain.pth.tar": _MOCO,
    "moco_v2_200ep_pretrain.pth.tar": _MOCO,
    "swin_tiny_patch4_window7_224.pth": _IMAGENET_SWIN,
    "resnet18-f37072fd.pth": _TORCHVISION,
    "resnet34-b627a593.pth": _TORCHVISION,
    "resnet50-0676ba61.pth": _TORCHVISION,
    "resnet50-11ad3fa6.pth": _TORCHVISION,
    "dino_resnet50_pretrain.pth": _DINO,
    "dino_resnet50_pretrain_full_checkpoint.pth": _DINO,
}
_EFFICIENTNET = CardSource("EfficientNet-Lite0, ImageNet", "Apache-2.0")
# Folders by the names that their authors' models have on model hubs.
_SIZES = ("small", "base", "large", "giant")
_FOLDERS = {
    **{f"dino-vit{size}": _DINO for size in ("s8", "s16", "b8", "b16")},
    **{f"dinov2-{size}": _DINOV2 for size in _SIZES},
    **{f"dinov2-with-registers-{size}": _DINOV2 for size in _SIZES},
    **{
        f"dinov3-{size}-pretrain-lvd1689m": _DINOV3
        for size in (
            *("vits16", "vits16plus", "vitb16", "vitl16", "vith16plus", "vit7b16"),
            *("convnext-tiny", "convnext-small", "convnext-base", "convnext-large"),
        )
    },
    **{f"dinov3-{size}-pretrain-sat493m": _DINOV3 for size in ("vitl16", "vit7b16")},
}
_PACKAGE_KIND = "EfficientNetLite"
# Settings that name the weights of a network, also in mmengine's init_cfg.
_WEIGHTS = ("checkpoint", "pretrained")
# Their weights are random where nothing is named; other classes may bring their own.
_RANDOM = ("DilatedResNet", _PACKAGE_KIND, "SwinTransformer", "mmdet.ResNet", "ResNet")


def find_teacher(config: Mapping[str, Any]) -> CardSource | None:
    """Return the image network that a training learned or started from.

    Args:
        config: Config of the training.

    Returns:
        None for networks without images. A network that is not known for sure has an
        unknown license.

    Example:
        >>> teacher = dict(type="VisionTransformerTeacher", checkpoint="dinov2-small")
        >>> find_teacher(dict(model=dict(img_backbone=teacher)))
        CardSource(name='DINOv2', license='Apache-2.0')
        >>> teacher["checkpoint"] = "/home/dinov2-fans/my_net"
        >>> find_teacher(dict(model=dict(img_backbone=teacher)))
        CardSource(name='my_net', license='unknown: ask the owner')
    """
    network = config["model"].get("img_backbone")
    if not network:
        return None
    found = dict.fromkeys((*_list_sources(network), *_list_starts(config)))
    if len(found) == 1:
        return next(iter(found))
    if found:
        return CardSource(", ".join(source.name for source in found))
    kinds = [str(part["type"]) for part in walk_settings(network) if "type" in part]
    kind = next((each for each in kinds if each != "FrozenBackbone"), "network")
    if kind in _RANDOM:
        return CardSource("random weights", "none needed")
    return CardSource(f"a {kind}")


def _list_sources(network: Any) -> Iterator[CardSource]:
    """Yield what the settings of an image network name."""
    for part in walk_settings(network):
        kind = str(part.get("type"))
        if kind == PROGRAM:
            yield CardSource(f"network of your own ({part.get('name')})")
        for name in (part.get(key) for key in _WEIGHTS):
            if name is not None and name is not False:
                yield _recognize(kind, str(name))


def _recognize(kind: str, name: str) -> CardSource:
    if kind == _PACKAGE_KIND and name == FROM_PACKAGE:
        return _EFFICIENTNET
    last = PurePath(name).name
    return (_FOLDERS if kind == SIZED_BY_CHECKPOINT else _FILES).get(last, CardSource(last))


def _list_starts(config: Mapping[str, Any]) -> Iterator[CardSource]:
    """Yield the checkpoints whose weights may have replaced those of the network."""
    # A resumed training names its own checkpoint there.
    parts = [] if config.get("resume") else [dict(checkpoint=config.get("load_from"))]
    parts += walk_settings(config.get("load_pretrained_from"))
    hooks = walk_settings(config.get("custom_hooks"))
    parts += [part for part in hooks if part.get("type") == "LoadPretrainedHook"]
    for part in parts:
        place = str(part.get("module") or part.get("prefix") or "")
        if part.get("checkpoint") and not place.startswith("pts_"):  # not the LiDAR's
            yield CardSource(f"weights of {PurePath(str(part['checkpoint'])).name}")


def find_data(dataset_meta: Mapping[str, Any]) -> CardSource:
    """Return the data of a training.

    Args:
        dataset_meta: ``dataset_meta`` of its checkpoint.
    """
    name = str(dataset_meta.get("dataset", "")).lower()
    if name not in DATA_SETS:
        return CardSource(name or "data that the checkpoint does not name")
    # A conversion tells formats apart, not who has recorded: other data has these, too.
    entry = DATA_SETS[name]
    if not entry.license:
        return CardSource("own recording")
    return CardSource(
        f"data in the format of {entry.title}",
        f"that of the data; {entry.title} itself: {entry.license}",
    )
