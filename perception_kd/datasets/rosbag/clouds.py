"""Points of a PointCloud2 message."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.fields import INTENSITY_NAMES

_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
_POSITION = ("x", "y", "z")
# Types whose values float32 holds.
_EXACT = ("i1", "u1", "i2", "u2", "f4")


@dataclass(frozen=True)
class Cloud:
    """Points of one message.

    Attributes:
        points: Fields by name, each float32, shape (N,). The first three are x, y and
            z in m in LiDAR coordinates, the fourth ``intensity`` if there is one.
        num_dropped: Number of points without a return: NaN, infinite, or at the sensor.
        left_out: Names of fields that float32 cannot hold, or with several values.
    """

    points: NDArray[Any]
    num_dropped: int
    left_out: tuple[str, ...]


def read_cloud(message: Any) -> Cloud:
    """Read the points of a message, organized or not, of any layout.

    Args:
        message: A PointCloud2.

    Raises:
        BrokenFileError: If its fields contradict its size, or it has no positions.
    """
    rows = _view(message)
    names = _choose_fields(rows)
    kept = np.isfinite([rows[name] for name in _POSITION]).all(axis=0)
    kept &= np.any([rows[name] != 0 for name in _POSITION], axis=0)
    points = np.empty(int(kept.sum()), [(name, "<f4") for name in names.values()])
    for source, name in names.items():
        values = rows[source][kept].astype(np.float32)
        # A point whose intensity is not a number still has a position.
        points[name] = values if name in _POSITION else np.nan_to_num(values, posinf=0, neginf=0)
    left_out = tuple(sorted(set(rows.dtype.names or ()) - {*names}))
    return Cloud(points, len(rows) - len(points), left_out)


def _view(message: Any) -> NDArray[Any]:
    """Return the points as a structured array, shape (N,), without a copy."""
    fields = [field for field in message.fields if field.name.strip("_")]
    dtype = _make_dtype(fields, ">" if message.is_bigendian else "<", int(message.point_step))
    height, width = int(message.height), int(message.width)
    row_step = int(message.row_step) if height > 1 else width * dtype.itemsize
    size = (height - 1) * row_step + width * dtype.itemsize if height and width else 0
    if len(message.data) < size or row_step < width * dtype.itemsize:
        raise BrokenFileError(
            f"it has {len(message.data)} bytes, but {height}x{width} points of {dtype.itemsize} "
            f"bytes (row_step {row_step}) need {size}"
        )
    if not size:
        return np.empty(0, dtype)
    strides = (row_step, dtype.itemsize)
    return np.ndarray((height, width), dtype, message.data, strides=strides).reshape(-1)


def _make_dtype(fields: list[Any], order: str, step: int) -> np.dtype[Any]:
    names = [field.name for field in fields]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise BrokenFileError(f"its field {repeated} occurs twice")
    formats, offsets = [], []
    for field in fields:
        kind = _KINDS.get(int(field.datatype))
        if kind is None:
            raise BrokenFileError(f"its field {field.name} has the unknown type {field.datatype}")
        count = max(int(field.count), 1)  # some drivers leave it at 0
        end = int(field.offset) + count * int(kind[1:])
        if end > step:
            raise BrokenFileError(
                f"its field {field.name} ends at byte {end} of points of {step} bytes"
            )
        formats.append((order + kind, (count,)) if count > 1 else order + kind)
        offsets.append(int(field.offset))
    missing = [name for name in _POSITION if name not in names]
    if missing:
        raise BrokenFileError(f"it has no field {missing[0]}; it has {', '.join(names) or 'none'}")
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": step})


def _choose_fields(rows: NDArray[Any]) -> dict[str, str]:
    """Return the new name of each field that is kept, positions and intensity first."""
    dtypes = {name: rows.dtype[name] for name in rows.dtype.names or ()}
    plain = {name: dtype for name, dtype in dtypes.items() if not dtype.shape}
    lower = {name.lower(): name for name in reversed(plain)}
    chosen = {name: name for name in _POSITION}
    intensity = next((lower[name] for name in INTENSITY_NAMES if name in lower), None)
    if intensity is not None:
        chosen[intensity] = "intensity"
    exact = [name for name, dtype in plain.items() if dtype.str[1:] in _EXACT]
    return chosen | {name: name for name in exact if name not in chosen and name != "intensity"}


def encode_pcd(points: NDArray[Any]) -> bytes:
    """Return a binary PCD file of a structured array of float32, shape (N,)."""
    names = points.dtype.names or ()
    head = [
        "# .PCD v0.7 - Point Cloud Data file format",
        "VERSION 0.7",
        f"FIELDS {' '.join(names)}",
        f"SIZE {' '.join('4' for _ in names)}",
        f"TYPE {' '.join('F' for _ in names)}",
        f"COUNT {' '.join('1' for _ in names)}",
        f"WIDTH {len(points)}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {len(points)}",
        "DATA binary\n",
    ]
    return "\n".join(head).encode() + points.tobytes()
