"""Recognition of data with nuScenes' tables."""

from pathlib import Path

from perception_kd.datasets.source import Source

_TABLES = ("scene.json", "sample.json", "sample_data.json")


def recognize(root: Path, out: Path, version: str) -> Source | None:
    """Return a folder with nuScenes' tables as a source; None for other data.

    Args:
        root: Folder of the data.
        out: Not used.
        version: Folder of the tables; "" takes the only one.

    Raises:
        ValueError: If there are several folders of tables, or not that of ``version``.
    """
    if not root.is_dir():
        return None
    folders = sorted(root.iterdir())
    versions = [x.name for x in folders if all((x / name).is_file() for name in _TABLES)]
    if version and version not in versions:
        found = ", ".join(versions) or "none"
        raise ValueError(f"{root} has no folder {version} of nuScenes' tables; it has {found}.")
    if len(versions) > 1 and not version:
        raise ValueError(f"{root} has the tables of {', '.join(versions)}; choose one as version.")
    if not versions:
        return None
    options = ("--root", str(root), "--version", version or versions[0], "--no-boxes")
    return Source("nuscenes", root, options, root)
