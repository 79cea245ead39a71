"""Find out what a folder of data is."""

from dataclasses import dataclass
from pathlib import Path

from perception_kd.datasets.folder.constants import RIG
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.io.atomic import make_writable_folder

_BAGS = (".bag", ".mcap", ".db3")
_TABLES = ("scene.json", "sample.json", "sample_data.json")


@dataclass(frozen=True)
class Source:
    """Data to pre-train on.

    Attributes:
        kind: "infos" for a folder that is converted already; "folder", "rosbag",
            "nuscenes" or "semantickitti" for one that has to be.
        root: Folder of the data, or the file of a bag.
        rig: Description of the sensors of a folder.
        version: Folder of nuScenes' tables.
    """

    kind: str
    root: Path
    rig: Path | None = None
    version: str = ""


def find_source(data: str | Path, out: Path, *, version: str = "") -> Source:
    """Find out what data are.

    Args:
        data: Folder of a recording with a rig file, of a ROS bag, of nuScenes' tables
            or of SemanticKITTI's sequences; or the file of a bag.
        out: Folder of results, where a proposed rig file is.
        version: Folder of nuScenes' tables, where there are several.

    Raises:
        FileNotFoundError: If there is nothing at ``data``.
        ValueError: If it is none of these, or several.
    """
    root = _find_data(data)
    if root.is_file():
        if root.suffix not in _BAGS:
            raise ValueError(f"{data} is not a ROS bag ({', '.join(_BAGS)}), and not a folder.")
        return Source("rosbag", root)
    source = _find_known(root, out, version)
    if source is None:
        raise ValueError(
            f"{root} has no {RIG} that describes its sensors, and is no ROS bag, nuScenes' tables "
            "or SemanticKITTI's sequences. Write one (docs/your_data.md), or let a first one be "
            "proposed: tools/pretrain.py --propose."
        )
    return source


def propose_source(data: str | Path, out: Path, *, version: str = "") -> Path | None:
    """Write a first rig file into ``out`` for a folder that nothing else describes.

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
    if root.is_file() or _find_known(root, out, version) is not None:
        return None
    return propose_rig(root, make_writable_folder("out", out) / RIG)


def _find_data(data: str | Path) -> Path:
    root = Path(data).absolute()
    if not root.exists():
        raise FileNotFoundError(f"No data at {data}; give the folder of a recording.")
    return root


def _find_known(root: Path, out: Path, version: str) -> Source | None:
    if list(root.glob("*_infos_train.pkl")):
        return Source("infos", root)
    rig = next((path for path in (out / RIG, root / RIG) if path.is_file()), None)
    if rig is not None:
        return Source("folder", root, rig=rig)
    versions = sorted(
        path.name for path in root.iterdir() if all((path / name).is_file() for name in _TABLES)
    )
    if version and version not in versions:
        found = ", ".join(versions) or "none"
        raise ValueError(f"{root} has no folder {version} of nuScenes' tables; it has {found}.")
    if len(versions) > 1 and not version:
        raise ValueError(f"{root} has the tables of {', '.join(versions)}; choose one as version.")
    if versions:
        return Source("nuscenes", root, version=version or versions[0])
    if (root / "sequences").is_dir() or (root / "dataset" / "sequences").is_dir():
        return Source("semantickitti", root)
    if any(path.suffix in _BAGS for path in root.iterdir()):
        return Source("rosbag", root)
    return None
