"""Folders that a command makes inside of the one that it was given."""

import os
from pathlib import Path


def make_inner_folder(root: str | Path, folder: str | Path) -> Path:
    """Make a folder in another one, and refuse a link that leads out of it.

    A copied or foreign folder may have a symbolic link where a command writes. What is
    at its other end was not given to the command, which must not change it.

    Args:
        root: Folder that the command may write to, which may itself be a link.
        folder: Folder in it, at any depth.

    Returns:
        ``folder``, as a path.

    Raises:
        PermissionError: If it leads out of ``root``.
    """
    folder = Path(folder)
    place, border = os.path.realpath(folder), os.path.realpath(root)
    if not Path(place).is_relative_to(border):
        raise PermissionError(
            f"{folder} leads to {place} by a symbolic link, which is not in {root}; remove the "
            "link, so that no other files are changed."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder
