"""Info files: the samples of a data set as plain dicts, in one pickle.

The layout is mmdet3d's version 2, so its own datasets read the files:
``{"metainfo": {...}, "data_list": [sample, ...]}``. On top of mmdet3d's keys:

=====================  ===============================================================
metainfo               ``schema_version``, ``coordinates``, ``created_by``, ``command``
                       that made the file, ``data_prefix``: folder of each kind of path
sample                 ``scene_token``, ``scene_name``, ``pts_semantic_mask_path``
sample.lidar_points    ``sample_data_token``, ``timestamp`` s, ``ego2global``
sample.images[CAM]     ``height``, ``width`` px, ``ego2global`` at the camera's own time
sample.lidar_sweeps[]  ``sweep2lidar``: sweep to key LiDAR frame with the ego motion
sample.camera_sweeps   ``{CAM: [image, ...]}``, nearest first, as in ``images``;
                       ``lidar2cam`` starts at the key LiDAR frame
=====================  ===============================================================

Paths are relative to ``data_root / data_prefix[kind]``, where kind is ``pts``,
``pts_semantic_mask`` or a camera's name; paths of sweeps are relative to ``data_root``
itself. Times are s, lengths m, matrices 4x4 ``src2dst`` as nested lists.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perception_kd.io.plain_pickle import PlainUnpickler
from perception_kd.structures import InfoEntry

SCHEMA_VERSION = 1
COORDINATES = "mmdet3d-1.0: x y z of the gravity center, l w h, yaw counter-clockwise from x"


def read_info(path: str | Path) -> dict[str, Any]:
    """Read an info file of this version.

    Only plain data and numpy arrays are unpickled; nothing in the file can run code.

    Args:
        path: File made by ``tools/create_data.py``.

    Returns:
        ``{"metainfo": {...}, "data_list": [sample, ...]}``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is broken, from another converter or of another schema,
            or if its boxes have the coordinates of mmdet3d before 1.0. The message has
            the remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No info file at {path}; {_remedy(path, {})}")
    content = _unpickle(path)
    fault = _find_fault(content)
    if fault:
        found = content if isinstance(content, dict) else {}
        raise ValueError(
            f"{path} is not an info file of this version: {fault}; {_remedy(path, found)}"
        )
    return content


def image_shape(view: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the height and width of an image in px, or None if they are not stored.

    Args:
        view: Entry of a camera in ``images`` of a sample.
    """
    return (view["height"], view["width"]) if {"height", "width"} <= view.keys() else None


def resolve_path(metainfo: dict[str, Any], kind: str, path: str) -> str:
    """Return a path of a sample relative to the data set's root.

    Args:
        metainfo: Metainfo of the info file.
        kind: ``pts``, ``pts_semantic_mask`` or the name of a camera.
        path: Path as in the sample.
    """
    return os.path.join(metainfo["data_prefix"].get(kind, ""), path)


def _unpickle(path: Path) -> Any:
    with _explain_broken(path), path.open("rb") as file:
        return PlainUnpickler(file).load()


@contextmanager
def _explain_broken(path: Path) -> Iterator[None]:
    # Broken bytes raise nearly anything in the unpickler.
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        size = path.stat().st_size
        raise ValueError(
            f"{path} is broken: reading its {size} bytes failed: {error}; {_remedy(path, {})}"
        ) from error


def _find_fault(content: Any) -> str:
    """Return what is wrong with the content of a file; empty if nothing is."""
    samples = None
    if isinstance(content, dict):
        samples = content.get("data_list", content.get("infos"))
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        return "it has neither data_list nor infos"
    if _has_old_boxes(samples):
        return "its boxes have the coordinates of mmdet3d < 1.0 (width before length)"
    if "infos" in content:
        return "it has the layout of mmdet3d < 1.1 (infos)"
    metainfo = _head(content)
    version = metainfo.get("schema_version")
    if version is None:
        return "it has no schema_version: another converter made it"
    if version != SCHEMA_VERSION:
        return f"its schema_version is {version}, not {SCHEMA_VERSION}"
    if metainfo.get("coordinates") != COORDINATES:
        return f"its coordinates are {metainfo.get('coordinates')!r}"
    return ""


def _head(content: dict[str, Any]) -> dict[str, Any]:
    head = content.get("metainfo", content.get("metadata"))
    return head if isinstance(head, dict) else {}


def _has_old_boxes(samples: list[InfoEntry]) -> bool:
    """Return whether cars are longer along their second size than along their first."""
    first = second = 0.0
    for sample in samples:
        for box in _car_boxes(sample):
            first, second = first + box[3], second + box[4]
    return first < second


def _car_boxes(sample: InfoEntry) -> Iterator[Any]:
    for instance in sample.get("instances", []):
        if instance.get("bbox_label_3d") == 0 and "bbox_3d" in instance:
            yield instance["bbox_3d"]
    for name, box in zip(sample.get("gt_names", []), sample.get("gt_boxes", []), strict=False):
        if name == "car":
            yield box


def _remedy(path: Path, content: dict[str, Any]) -> str:
    """Return the part of an error that says how to make the file again."""
    metainfo = _head(content)
    command = metainfo.get("command")
    if not command:
        # A data set, its command and the prefix of its files have the same name.
        of_file = path.name.partition("_infos_")[0] if "_infos_" in path.name else "DATASET"
        name = metainfo.get("dataset", metainfo.get("DATASET", "")).lower() or of_file
        words = ["python", "tools/create_data.py", name, "--root", str(path.parent)]
        if "version" in metainfo:
            words += ["--version", metainfo["version"]]
        command = shlex.join(words)
    return f"make it with: {command}"
