"""Files for another stack: weights, and the settings of their network beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from perception_kd.export.places import check_weights_name, place_settings
from perception_kd.export.settings import SETTINGS_FORMATS, Exported
from perception_kd.export.weights.files import write_weights
from perception_kd.export.weights.parts import part_of
from perception_kd.export.weights.stack import Stack
from perception_kd.export.weights.translation import Translation
from perception_kd.io.atomic import check_writable_file, write_whole


def export_weights(
    model: nn.Module, found: Translation, stack: Stack, out: Path, settings: Mapping[str, Any]
) -> list[str]:
    """Write weights, and the settings with which their stack builds the network.

    Args:
        model: Model that the weights are of.
        found: The weights by the names of the stack.
        stack: The stack.
        out: File of weights to write, which does not exist.
        settings: The value of ``model`` in the config of the training.

    Returns:
        Lines for the user: what was written, and what was left out.

    Raises:
        FileExistsError: If there is a file or folder of the name of the settings.
        PermissionError: If the files cannot be written.
        ValueError: If the name of the file is not one of weights, or the stack has no
            settings for the network.
    """
    check_weights_name(out)
    texts: dict[Path, str] = {}
    lines = [f"{out}: {len(found.state)} tensors by the names of {stack.name}"]
    if (form := SETTINGS_FORMATS.get(stack.name)) is not None:
        path = place_settings(out, form.suffix, stack.name)
        parts = frozenset(part_of(ours) for ours, _ in found.pairs)
        texts[path] = form.describe(Exported(model, settings, parts, out.name))
        lines.append(f"{path}: the settings with which {stack.name} builds this network")
    check_writable_file("--out", out)
    _write_all(out, stack.pack(found.state), texts)
    lines += [f"note: {note}" for note in found.notes]
    if found.left_out:
        lines.append(f"left out, {len(found.left_out)}: {shorten(found.left_out)}")
    return lines


def shorten(names: Sequence[str]) -> str:
    """Name the parts of tensors with their numbers.

    Args:
        names: Names of tensors.

    Example:
        >>> shorten(["pts_head.weight", "pts_head.bias", "img_head.bias"])
        'pts_head (2), img_head (1)'
    """
    parts: dict[str, int] = {}
    for name in names:
        parts[part_of(name)] = parts.get(part_of(name), 0) + 1
    return ", ".join(f"{part} ({count})" for part, count in parts.items())


def _write_all(out: Path, content: dict[str, Any], texts: Mapping[Path, str]) -> None:
    """Write files that do not exist: all, or none after an error."""
    try:
        # Weights come last: nothing after SIGKILL is taken for a whole export.
        for path, text in texts.items():
            write_whole(path, text.encode())
        write_weights(out, content)
    except BaseException:
        for path in (*texts, out):
            path.unlink(missing_ok=True)
        raise
