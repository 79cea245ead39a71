"""Info files: the samples of a data set as plain dicts, in one pickle.

The layout is mmdet3d's version 2, so its own datasets read the files:
``{"metainfo": {...}, "data_list": [sample, ...]}``. On top of mmdet3d's keys:

=====================  ===============================================================
metainfo               ``schema_version``, ``coordinates``, ``created_by``, ``command``
                       that made the file, ``data_prefix``: folder of each kind of path
sample                 ``scene_token``, ``scene_name``, ``pts_semantic_mask_path``
sample.lidar_points    ``sample_data_token``, ``timestamp`` s, ``ego2global``; optional
                       ``dtype``, ``columns``, ``intensity_scale``, ``axes``, ``unit``
                       and ``origin`` as in ``PointLayout``, also for its sweeps
sample.images[CAM]     ``height``, ``width`` px, ``ego2global`` at the camera's own time
sample.lidar_sweeps[]  ``sweep2lidar``: sweep to key LiDAR, with the ego motion
sample.camera_sweeps   ``{CAM: [image, ...]}``, nearest first, as in ``images``;
                       ``lidar2cam`` starts at key LiDAR coordinates
=====================  ===============================================================

Paths are relative to ``data_root / data_prefix[kind]``, where kind is ``pts``,
``pts_semantic_mask`` or a camera's name; a prefix that begins with ``{info_root}`` is
below the folder of the info file, where a conversion puts images that it makes. Paths
of sweeps are relative to ``data_root`` itself. Times are s, lengths m, matrices 4x4
``src2dst`` as nested lists.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from perception_kd.io.errors import FieldError
from perception_kd.io.info_fields import show
from perception_kd.io.memory import bounded_memory
from perception_kd.io.plain_pickle import PlainUnpickler
from perception_kd.io.stored_samples import SamplesOnDisk, check_table
from perception_kd.structures import InfoEntry

INFO_SCHEMA_VERSION = 1
INFO_ROOT = "{info_root}"  # begins a folder beside the info file, wherever that is moved
_MAX_LABEL = 65_535
# Memory of plain data in sizes of its pickle: an empty dict is one byte.
_MEMORY_FACTOR = 100
_NO_SAMPLES = "it has neither data_list nor infos"
COORDINATES = "mmdet3d-1.0: x y z of the gravity center, l w h, yaw counter-clockwise from x"


def read_info(path: str | Path, data_root: str | Path | None = None) -> dict[str, Any]:
    """Read an info file of this version.

    Only plain data and numpy arrays are unpickled; nothing in the file can run code.

    Args:
        path: File made by ``tools/create_data.py``.
        data_root: Folder of the data set, for the remedy; None means that of the file.

    Returns:
        ``{"metainfo": {...}, "data_list": [sample, ...]}``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is broken, from another converter or of another schema,
            or if its boxes have the coordinates of mmdet3d before 1.0. The message has
            the remedy.
    """
    return _read(Path(path), data_root, _load_whole)


def open_info(path: str | Path, data_root: str | Path | None = None) -> dict[str, Any]:
    """Read an info file, with samples that are unpickled at each access.

    Memory then does not grow with the file; each pass over the samples takes the time
    of reading it.

    Args:
        path: As for :func:`read_info`.
        data_root: As for :func:`read_info`.

    Returns:
        As :func:`read_info`; ``data_list`` is a sequence of samples whose changes are
        not kept, or a list if another program wrote the file.

    Raises:
        As :func:`read_info`.
    """
    return _read(Path(path), data_root, _load_by_table)


def _read(path: Path, data_root: str | Path | None, load: Callable[[Path], Any]) -> dict[str, Any]:
    remedy = partial(creation_remedy, data_root=data_root)
    if not path.is_file():
        others = sorted(x.name.partition("_infos_")[0] for x in path.parent.glob("*_infos_*.pkl"))
        choice = f"choose --dataset {' or '.join(dict.fromkeys(others))}, or " if others else ""
        raise FileNotFoundError(f"No info file at {path}; {choice}{remedy(path, {})}")
    with _explain_broken(path, remedy(path, {})):
        with bounded_memory(path, _MEMORY_FACTOR):
            content = load(path)
            fault = _find_fault(content)
        if not fault:
            set_info_root(content["metainfo"], path)
    if fault:
        found = content if isinstance(content, dict) else {}
        raise ValueError(
            f"{path} is not an info file of this version: {fault}; {remedy(path, found)}"
        )
    read: dict[str, Any] = content
    return read


def _load_whole(path: Path) -> Any:
    with path.open("rb") as file:
        content = PlainUnpickler(file).load()
        check_table(file.read())
    return content


def _load_by_table(path: Path) -> Any:
    samples = SamplesOnDisk.open(path)
    if samples is None:
        return _load_whole(path)
    return {**samples.head(), "data_list": samples}


@contextmanager
def name_entry(path: str | Path, info: Mapping[str, Any], index: int) -> Iterator[None]:
    """Name file and sample in errors of single fields.

    Args:
        path: The info file.
        info: Its content.
        index: Place of the entry that is read in ``info["data_list"]``.

    Raises:
        ValueError: If a field is wrong, in place of the ``FieldError``.
    """
    try:
        yield
    except FieldError as error:
        token = show(info["data_list"][index].get("token"))
        raise ValueError(
            f"{path}, sample {index} ({token}): {error}; {creation_remedy(path, info)}"
        ) from error


def set_info_root(metainfo: Mapping[str, Any], path: Path) -> None:
    """Replace the mark of the info file's own folder in the folders of paths.

    Args:
        metainfo: Metainfo of the info file; its ``data_prefix`` is changed.
        path: The info file.
    """
    prefix = metainfo.get("data_prefix", {})
    for kind, folder in prefix.items():
        if folder.startswith(INFO_ROOT):
            prefix[kind] = folder.replace(INFO_ROOT, os.path.abspath(path.parent), 1)


def resolve_path(metainfo: Mapping[str, Any], kind: str, path: str) -> str:
    """Return a path of a sample relative to the data set's root.

    Args:
        metainfo: Metainfo of the info file.
        kind: ``pts``, ``pts_semantic_mask`` or the name of a camera.
        path: Path as in the sample.
    """
    return os.path.join(metainfo.get("data_prefix", {}).get(kind, ""), path)


@contextmanager
def _explain_broken(path: Path, remedy: str) -> Iterator[None]:
    # Broken bytes raise nearly anything in the unpickler.
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        size = path.stat().st_size
        raise ValueError(
            f"{path} is broken: reading its {size} bytes failed: {_first_line(error)}; {remedy}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [repr(error)])[0][:200]


def _find_fault(content: Any) -> str:
    """Return the fault of the content of a file; empty if there is none."""
    samples = None
    if isinstance(content, dict):
        samples = content.get("data_list", content.get("infos"))
    if not isinstance(samples, list | SamplesOnDisk):
        return _NO_SAMPLES
    if fault := _find_fault_of_samples(samples):
        return fault
    if "infos" in content:
        return "it has the layout of mmdet3d < 1.1 (infos)"
    metainfo = _head(content)
    version = metainfo.get("schema_version")
    if version is None:
        return "it has no schema_version: another converter made it"
    if version != INFO_SCHEMA_VERSION:
        return f"its schema_version is {show(version)}, not {INFO_SCHEMA_VERSION}"
    if metainfo.get("coordinates") != COORDINATES:
        return f"its coordinates are {show(metainfo.get('coordinates'))}"
    return _find_head_fault(metainfo)


def _find_head_fault(metainfo: Mapping[str, Any]) -> str:
    prefix, categories = metainfo.get("data_prefix", {}), metainfo.get("categories", {})
    if not all(isinstance(metainfo.get(name), str) for name in ("dataset", "version")):
        return "its metainfo must name dataset and version"
    if not isinstance(prefix, dict) or not all(isinstance(v, str) for v in prefix.values()):
        return f"its data_prefix must be a dict of folders, but is {show(prefix)}"
    if not isinstance(categories, dict) or not all(isinstance(v, int) for v in categories.values()):
        return f"its categories must be a dict of integers, but is {show(categories)}"
    labels = metainfo.get("point_labels")
    if labels is not None and not _is_label_table(labels):
        return f"its point_labels must be a dict of integers from 0, but is {show(labels)}"
    return ""


def _is_label_table(labels: Any) -> bool:
    """Return whether a value is labels of points by category."""
    return isinstance(labels, dict) and all(
        isinstance(name, str) and isinstance(label, int) and 0 <= label <= _MAX_LABEL
        for name, label in labels.items()
    )


def _head(content: Mapping[str, Any]) -> dict[str, Any]:
    head = content.get("metainfo", content.get("metadata"))
    return head if isinstance(head, dict) else {}


def _find_fault_of_samples(samples: Iterable[Any]) -> str:
    """Return the fault of samples, in one pass; empty if there is none.

    With old boxes, cars are longer along their second size than along their first.
    """
    first = second = 0.0
    for sample in samples:
        if not isinstance(sample, dict):
            return _NO_SAMPLES
        # Entries that cannot be read are left to the checks of single fields.
        with suppress(TypeError, AttributeError, LookupError):
            for box in _car_boxes(sample):
                first, second = first + box[3], second + box[4]
    if first < second:
        return "its boxes have the coordinates of mmdet3d < 1.0 (width before length)"
    return ""


def _car_boxes(sample: InfoEntry) -> Iterator[Any]:
    for instance in sample.get("instances", []):
        if instance.get("bbox_label_3d") == 0 and "bbox_3d" in instance:
            yield instance["bbox_3d"]
    for name, box in zip(sample.get("gt_names", []), sample.get("gt_boxes", []), strict=False):
        if name == "car":
            yield box


def creation_remedy(
    path: str | Path, content: Mapping[str, Any], data_root: str | Path | None = None
) -> str:
    """Return the part of an error that says how to make a file again.

    Args:
        path: The info file.
        content: Its content, as far as it could be read.
        data_root: Folder of the data set; None means that of the file.
    """
    path, metainfo = Path(path), _head(content)
    command = metainfo.get("command")
    # Messages ask users to run it, so it must not look like several lines of the error.
    if not command or not isinstance(command, str) or not command.isprintable():
        # A data set, its command and the prefix of its files have the same name.
        of_file = path.name.partition("_infos_")[0] if "_infos_" in path.name else "DATASET"
        name = str(metainfo.get("dataset", metainfo.get("DATASET", ""))).lower() or of_file
        words = ["python", "tools/create_data.py", name, "--root", str(data_root or path.parent)]
        if data_root is not None and Path(data_root).resolve() != path.parent.resolve():
            words += ["--out-dir", str(path.parent)]
        if "version" in metainfo:
            words += ["--version", str(metainfo["version"])]
        command = shlex.join(words)
    return f"make it with: {command}"
