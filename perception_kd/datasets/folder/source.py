"""Recognition of a folder that a rig file describes."""

from pathlib import Path

from perception_kd.datasets.folder.constants import RIG
from perception_kd.datasets.source import Source


def recognize(root: Path, out: Path, version: str) -> Source | None:
    """Return a folder with a rig file as a source; None for other data.

    Args:
        root: Folder of the data.
        out: Folder of results, whose rig file comes first.
        version: Not used.
    """
    rig = next((path for path in (out / RIG, root / RIG) if path.is_file()), None)
    if rig is None or not root.is_dir():
        return None
    return Source("folder", root, ("--root", str(root), "--rig", str(rig)), root)
