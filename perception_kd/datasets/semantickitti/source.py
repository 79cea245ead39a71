"""Recognition of data with SemanticKITTI's sequences."""

from pathlib import Path

from perception_kd.datasets.semantickitti.sequence_files import find_root
from perception_kd.datasets.source import Source


def recognize(root: Path, out: Path, version: str) -> Source | None:
    """Return a folder with sequences as a source; None for other data.

    Args:
        root: Folder of the data.
        out: Not used.
        version: Not used.
    """
    if not ((root / "sequences").is_dir() or (root / "dataset" / "sequences").is_dir()):
        return None
    options = ("--root", str(root))
    return Source("semantickitti", root, options, find_root(root), has_workers=False)
