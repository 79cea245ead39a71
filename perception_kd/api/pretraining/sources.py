"""Recognize the kind of a folder of data."""

import hashlib
from pathlib import Path

from perception_kd.datasets.catalog import SOURCES
from perception_kd.datasets.folder.constants import RIG
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.datasets.source import Source
from perception_kd.io.atomic import make_writable_folder

CONVERTED = "infos"


def find_source(data: str | Path, out: Path, *, version: str = "") -> Source:
    """Find out what data are.

    Args:
        data: Folder of info files or of data that an entry of ``SOURCES`` recognizes: a
            recording with a rig file, nuScenes' tables, SemanticKITTI's sequences or a
            ROS bag; or the file of a bag.
        out: Folder of results, where a proposed rig file is.
        version: Folder of nuScenes' tables, where there are several.

    Returns:
        The data; the kind of a folder of info files is ``CONVERTED``.

    Raises:
        FileNotFoundError: If there is nothing at ``data``.
        ValueError: If it is none of these, or several.
    """
    root = _find_data(data)
    source = _recognize(root, out, version)
    if source is None:
        known = ", ".join(entry.data for entry in SOURCES.values())
        raise ValueError(
            f"{root} has no {RIG} that describes its sensors, and is none of these: {known}. "
            "Write one (docs/your_data.md), or let a first one be proposed: tools/pretrain.py "
            "--propose."
        )
    return source


def hash_rig(source: Source) -> str:
    """Return the SHA-256 of a source's rig file, in part; empty without one."""
    words = dict(zip(source.options, source.options[1:], strict=False))
    rig = Path(words["--rig"]) if "--rig" in words else None
    return "" if rig is None else hashlib.sha256(rig.read_bytes()).hexdigest()[:16]


def propose_source(data: str | Path, out: Path, *, version: str = "") -> Path | None:
    """Write a first rig file into ``out`` for a folder of unknown layout.

    Args:
        data: Data as of :func:`find_source`.
        out: Folder of results.
        version: Folder of nuScenes' tables, where there are several.

    Returns:
        The rig file, which has to be checked; None if data need none.

    Raises:
        FileNotFoundError: If there is nothing at ``data``, or no point cloud below it.
        PermissionError: If ``out`` cannot be written to.
        ValueError: If it has several folders of tables, or not that of ``version``.
    """
    root = _find_data(data)
    if root.is_file() or _recognize(root, out, version) is not None:
        return None
    return propose_rig(root, make_writable_folder("out", out) / RIG)


def _find_data(data: str | Path) -> Path:
    root = Path(data).absolute()
    if not root.exists():
        raise FileNotFoundError(f"No data at {data}; give the folder of a recording.")
    return root


def _recognize(root: Path, out: Path, version: str) -> Source | None:
    if list(root.glob("*_infos_train.pkl")):
        return Source(CONVERTED, root, (), root)
    found = (entry.recognize(root, out, version) for entry in SOURCES.values())
    return next((source for source in found if source is not None), None)
