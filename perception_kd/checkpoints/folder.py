"""Checkpoints of a training's folder: which there are, and the newest whole one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from perception_kd.checkpoints.archive import check_whole
from perception_kd.checkpoints.reading import read_content

POINTER = "last_checkpoint"
_TEMPLATES = ("epoch_{}.pth", "iter_{}.pth")


class Newest(NamedTuple):
    """The newest whole checkpoint of a folder.

    Attributes:
        path: The file; None if there is no whole one.
        broken: One line for each newer file that is not whole: its name and why.
    """

    path: Path | None
    broken: tuple[str, ...]


def list_checkpoints(folder: str | Path, template: str | None = None) -> list[Path]:
    """List the files of a folder that have the name of a checkpoint, whole or not.

    Args:
        folder: Folder of a training, which need not exist.
        template: Name of a checkpoint, as ``filename_tmpl`` of mmengine's hook, besides
            "epoch_{}.pth" and "iter_{}.pth".

    Returns:
        The files, by name.
    """
    templates = (*_TEMPLATES, *([template] if template else []))
    names = "|".join(re.escape(each).replace(r"\{\}", r"\d+") for each in templates)
    files = Path(folder).iterdir() if Path(folder).is_dir() else ()
    return sorted(path for path in files if re.fullmatch(names, path.name))


def find_newest(paths: Sequence[Path]) -> Newest:
    """Find the checkpoint with the most training steps, among those that are whole.

    The file ``last_checkpoint`` is not read: it may be older than the newest file, or
    name one that is gone.

    Args:
        paths: Candidates, from :func:`list_checkpoints`.
    """
    steps: dict[Path, int] = {}
    broken: dict[Path, str] = {}
    for path in paths:
        try:
            steps[path] = read_steps(path)
        except (OSError, ValueError) as error:
            broken[path] = f"{path.name}: {error}"
    for path in sorted(steps, key=lambda path: steps[path], reverse=True):
        try:
            check_whole(path)
        except (OSError, ValueError) as error:
            broken[path] = f"{path.name}: {error}"
        else:
            return Newest(path, tuple(broken.values()))
    return Newest(None, tuple(broken.values()))


def read_steps(path: Path) -> int:
    """Read how many training steps a checkpoint has, without reading its tensors.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it cannot be read as far as that, or does not say.
    """
    content = read_content(path, tensors=False)
    meta = content.get("meta") if isinstance(content, dict) else None
    steps = meta.get("iter") if isinstance(meta, dict) else None
    if not isinstance(steps, int) or steps < 0:
        raise ValueError(
            f"{path} does not say how many steps it has; it is not the state of a training."
        )
    return steps
