"""Load a teacher's weights from the files that their authors published."""

import argparse
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from perception_kd.checkpoints.loading import load_weights
from perception_kd.checkpoints.matching import strip_prefix
from perception_kd.checkpoints.reading import read_checkpoint

# What stands before the network's own parameter names, behind the "module." of a
# distributed wrapper. SwAV and MoCo v2 were saved in one; DINO's and torchvision's
# plain files have nothing before the names.
PREFIXES = {
    "MoCo v2": "encoder_q.",
    "DINO (full checkpoint)": "backbone.",
    "plain names (SwAV, DINO, torchvision)": "",
}


def recognize_format(state_dict: Mapping[str, Tensor], stem: str) -> tuple[str, str]:
    """Recognize the format of a file of weights by its keys.

    Args:
        state_dict: Tensors of the file.
        stem: Name of the network's first parameter, as the network itself calls it.

    Returns:
        Name of the format, and the prefix of the network's parameters in it.

    Raises:
        ValueError: If the first parameter is nowhere that a known format has it.
    """
    for name, prefix in PREFIXES.items():
        if stem in strip_prefix(state_dict, prefix, [stem]):
            return name, prefix
    places = ", ".join(f"{prefix}{stem} ({name})" for name, prefix in PREFIXES.items())
    raise ValueError(
        f"checkpoint must hold one of {places}, but its keys begin "
        f"{', '.join(sorted(state_dict)[:3])}; convert it to the network's own names."
    )


def load_teacher_weights(network: nn.Module, checkpoint: str | Path | None, published: str) -> None:
    """Load a published file into a network and log what fitted.

    What the network does not have (classifier, projection head, momentum encoder) is
    left out. A network that would keep a single random weight is refused: as a teacher
    it would be wrong without a sign of it.

    Args:
        network: The teacher.
        checkpoint: Local file; None leaves the network as it is, with a warning.
        published: Files that would do, for the error.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the format is unknown, or a parameter or running statistic is
            missing or has another shape.
    """
    teacher = type(network).__name__
    if checkpoint is None:
        print_log(
            f"{teacher} has random weights, because checkpoint is None: good for trying "
            "the code, not for a teacher.",
            logger="current",
            level=logging.WARNING,
        )
        return
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f"No weights of {teacher} at {checkpoint}; put {published} there, or set "
            "checkpoint to where the file is."
        )
    with _allow_namespaces():
        published_weights = read_checkpoint(checkpoint)
    stem = next(iter(network.state_dict()))
    name, prefix = recognize_format(published_weights.state_dict, stem)
    print_log(f"Teacher weights in the format of {name}.", logger="current")
    load_weights(network, published_weights, prefix, min_share=1.0)


def _allow_namespaces() -> AbstractContextManager[None]:
    """Allow ``weights_only`` to load the arguments in DINO's full checkpoint."""
    allow = getattr(torch.serialization, "safe_globals", None)  # torch >= 2.5
    return nullcontext() if allow is None else allow([argparse.Namespace])
