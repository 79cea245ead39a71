"""The network that settings for another stack describe, and their form."""

from collections.abc import Callable, Mapping
from pprint import pformat
from typing import Any, NamedTuple

from torch import nn

from perception_kd.export.settings.features import COLUMN_NAMES

# Limits of the numbers of voxels, in training and in tests, for networks that state
# none.
ANY_VOXELS = (120_000, 160_000)


class Exported(NamedTuple):
    """A network that was exported.

    Attributes:
        network: The model with the network.
        settings: The value of ``model`` in the config of its training.
        parts: Parts of the model of which tensors were written.
        weights: Name of their file.
    """

    network: nn.Module
    settings: Mapping[str, Any]
    parts: frozenset[str]
    weights: str


class SettingsFormat(NamedTuple):
    """Form in which a stack has the settings of a network.

    Attributes:
        suffix: Suffix of the file.
        describe: Makes the text of the file.
    """

    suffix: str
    describe: Callable[[Exported], str]


def list_columns(settings: Mapping[str, Any]) -> list[str]:
    """Return the columns of the points that a network on a BEV map reads.

    Args:
        settings: The value of ``model`` in its config.
    """
    encoder = settings.get("pts_voxel_encoder") or settings["pts_middle_encoder"]
    number = encoder.get("in_channels") or encoder.get("num_features")
    return list(COLUMN_NAMES[:number])


def format_python(settings: Mapping[str, Any], comments: list[str]) -> str:
    """Return settings as the text of a config in Python, after comments."""
    lines = [f"# {comment}" for comment in comments]
    for name, value in settings.items():
        lines.append(f"{name} = {pformat(value, width=96, sort_dicts=False)}")
    return "\n".join(lines) + "\n"
