"""Configs under the names of earlier versions.

``configs/renamed.json`` maps each old name to the new one, both as paths from
``configs/``.
"""

import difflib
import heapq
import logging
import os
from pathlib import Path

from mmengine.logging import print_log

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.json_file import read_json
from perception_kd.utils.project_files import find_project_files

TABLE = "renamed.json"
_SHORTEST_BEGINNING = 3  # characters of an unfinished name, such as "rad"
_CONFIGS = find_project_files() / "configs"


def find_config(path: str | Path) -> Path:
    """Return the file of a config, also if the path is an old name of it.

    Args:
        path: Config file, such as ``configs/slidr/<name>.py``. One below ``configs/``
            that is not in the current folder is that of this version of the package.

    Returns:
        The path itself, or that of the renamed config, which is then logged.

    Raises:
        BrokenFileError: If the table of old names is damaged.
        FileNotFoundError: If there is no such config under either name.
    """
    path = Path(path)
    if not path.is_file() and path.parts[:1] == ("configs",):
        path = Path(os.path.relpath(_CONFIGS.parent / path))
    if path.is_file():
        return path
    folder = path.absolute().parent
    table = folder.parent / TABLE
    names = read_json(table, "Restore it from the repository.") if table.is_file() else {}
    if not isinstance(names, dict):
        raise BrokenFileError(
            f"{table} is not a table of old and new names. Restore it from the repository."
        )
    new = names.get(f"{folder.name}/{path.name}")
    if not isinstance(new, str):
        raise FileNotFoundError(f"No config at {path}{_suggest(path)}")
    found = folder.parent / new
    if not path.is_absolute():
        found = Path(os.path.relpath(found))
    print_log(f"{path} was renamed; reading {found}.", logger="current", level=logging.WARNING)
    return found


def _suggest(path: Path) -> str:
    """Return the end of an error that names the configs whose names are most alike."""
    near = [_CONFIGS / path] if (_CONFIGS / path).is_file() else _find_alike(path)
    return (
        f"; did you mean {' or '.join(map(os.path.relpath, near))}?" if near else "; give its path."
    )


def _find_alike(path: Path) -> list[Path]:
    """Return up to three configs, the most alike first; smoke tests only if wanted."""
    without = {"_base_", "sweeps"} | ({"smoke"} - {*path.parts})
    ranked = []
    for config in sorted(_CONFIGS.rglob("*.py")):
        relative = config.relative_to(_CONFIGS)
        likeness = (
            1.0 if _is_beginning(path.stem, config.stem) else _likeness(path.stem, config.stem)
        )
        if likeness >= 0.6 and without.isdisjoint(relative.parts):
            ranked.append((likeness, _likeness(str(path), str(relative)), config))
    return [config for *_, config in heapq.nlargest(3, ranked)]


def _is_beginning(given: str, name: str) -> bool:
    """Return whether a name was left unfinished, after a token or inside one."""
    return len(given) >= _SHORTEST_BEGINNING and name.startswith(given)


def _likeness(first: str, second: str) -> float:
    return difflib.SequenceMatcher(None, first, second).ratio()
