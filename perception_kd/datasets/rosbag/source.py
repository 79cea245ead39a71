"""Recognition of ROS bags."""

from pathlib import Path

from perception_kd.datasets.rosbag.settings import RECORDING
from perception_kd.datasets.source import Source

_SUFFIXES = (".bag", ".mcap", ".db3")


def recognize(root: Path, out: Path, version: str) -> Source | None:
    """Return a bag as a source; None for other data.

    Args:
        root: Folder of the bag, or its file.
        out: Not used.
        version: Not used.

    Raises:
        ValueError: If it is a file of another kind.
    """
    if root.is_file() and root.suffix not in _SUFFIXES:
        raise ValueError(f"{root} is not a ROS bag ({', '.join(_SUFFIXES)}), and not a folder.")
    if root.is_dir() and not any(path.suffix in _SUFFIXES for path in root.iterdir()):
        return None
    return Source("rosbag", root, ("--bag", str(root)), Path(RECORDING))
