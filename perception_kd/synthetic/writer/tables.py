"""Tables of nuScenes: tokens, links between records, and writing."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.labels import NUSCENES_CATEGORIES
from perception_kd.io.atomic import write_whole
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import LIDAR, SENSORS
from perception_kd.synthetic.writer.names import (
    ATTRIBUTES,
    VISIBILITIES,
)

Tables = dict[str, list[Record]]

TABLE_NAMES = (
    "attribute",
    "calibrated_sensor",
    "category",
    "ego_pose",
    "instance",
    "lidarseg",
    "log",
    "map",
    "sample",
    "sample_annotation",
    "sample_data",
    "scene",
    "sensor",
    "visibility",
)


def make_token(*parts: object) -> str:
    """Return the token of a record, determined by the parts."""
    text = "/".join(map(str, parts))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def translation_rotation(matrix: Array) -> dict[str, list[float]]:
    """Return a pose as the tables hold it.

    Args:
        matrix: Rigid transform, shape (4, 4).

    Returns:
        ``translation`` (x, y, z) in m and ``rotation``, a unit quaternion (w, x, y, z).
    """
    r = matrix[:3, :3]
    # The quaternion is the leading eigenvector of this matrix (Bar-Itzhack, 2000).
    k = np.zeros((4, 4))
    k[1:, 1:] = r + r.T - np.trace(r) * np.eye(3)
    k[0, 1:] = k[1:, 0] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    k[0, 0] = np.trace(r)
    quaternion = np.linalg.eigh(k)[1][:, -1]
    return {"translation": matrix[:3, 3].tolist(), "rotation": quaternion.tolist()}


def empty_tables() -> Tables:
    """Return tables without records; missing tables are added on access."""
    return defaultdict(list)


def link(records: list[Record]) -> list[Record]:
    """Fill ``prev`` and ``next`` with the tokens of the neighbors, in place."""
    tokens = ["", *(record["token"] for record in records), ""]
    for record, before, after in zip(records, tokens, tokens[2:], strict=False):
        record |= {"prev": before, "next": after}
    return records


def make_vocabulary() -> Tables:
    """Return the tables that all scenes share."""
    tables = empty_tables()
    for index, name in enumerate(NUSCENES_CATEGORIES):
        record = {"token": make_token("category", name), "name": name, "index": index}
        tables["category"].append({**record, "description": name})
    for name in ATTRIBUTES:
        record = {"token": make_token("attribute", name), "name": name}
        tables["attribute"].append({**record, "description": name})
    for token, level in VISIBILITIES.items():
        description = f"visibility of whole object is {level[1:]} %"
        tables["visibility"].append({"token": token, "level": level, "description": description})
    for channel in SENSORS:
        modality = "lidar" if channel == LIDAR else "camera"
        token = make_token("sensor", channel)
        tables["sensor"].append({"token": token, "channel": channel, "modality": modality})
    return tables


def write_tables(folder: Path, parts: Sequence[Tables]) -> None:
    """Write all tables as JSON files, with the records of the parts in order."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLE_NAMES:
        records = [record for part in parts for record in part.get(name, [])]
        write_whole(folder / f"{name}.json", json.dumps(records, indent=0).encode())
