"""Files of points, written by hand or by the libraries of their formats."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lzf
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]  # structured, (N,)

_KINDS = {"f": "F", "i": "I", "u": "U"}


def make_rows(num_points: int = 50, position: str = "<f4") -> Rows:
    """Rows of x, y, z, intensity, ring around the sensor."""
    rng = np.random.default_rng(7)
    rows = np.zeros(
        num_points,
        [("x", position), ("y", position), ("z", position), ("intensity", "u1"), ("ring", "<u2")],
    )
    for name in ("x", "y", "z"):
        rows[name] = rng.uniform(-60, 60, num_points)
    rows["intensity"], rows["ring"] = np.arange(num_points) % 256, np.arange(num_points) % 32
    return rows


def select(rows: Rows, *fields: str, **types: str) -> Rows:
    """Rows with these fields, "old" or "new=old", and other types of some."""
    pairs = [(field.split("=")[0], field.split("=")[-1]) for field in fields]
    chosen = np.zeros(len(rows), [(new, types.get(old, rows.dtype[old].str)) for new, old in pairs])
    for new, old in pairs:
        chosen[new] = rows[old]
    return chosen


def pcd_header(
    rows: Rows, encoding: str, *, padding: Sequence[int] = (), newline: str = "\n"
) -> bytes:
    """A header for rows; ``padding`` bytes follow each field."""
    names, sizes, kinds, counts = [], [], [], []
    for i, name in enumerate(rows.dtype.names or ()):
        base, shape = rows.dtype[name].subdtype or (rows.dtype[name], ())
        names.append(name)
        sizes.append(base.itemsize)
        kinds.append(_KINDS[base.kind])
        counts.append(int(np.prod(shape)))
        if padding:
            names.append("_")
            sizes.append(1)
            kinds.append("U")
            counts.append(padding[i])
    lines = [
        "# .PCD v0.7 - Point Cloud Data file format",
        "VERSION 0.7",
        f"FIELDS {' '.join(names)}",
        f"SIZE {' '.join(map(str, sizes))}",
        f"TYPE {' '.join(kinds)}",
        f"COUNT {' '.join(map(str, counts))}",
        f"WIDTH {len(rows)}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {len(rows)}",
        f"DATA {encoding}",
        "",
    ]
    return newline.join(lines).encode()


def pcd_text(rows: Rows) -> bytes:
    """Rows as lines of numbers."""
    lines = [" ".join(f"{v:.9g}" for v in np.hstack([np.ravel(x) for x in row])) for row in rows]
    return "\n".join(lines).encode() + b"\n"


def pcd_compressed(rows: Rows) -> bytes:
    """Sizes, then the fields one after the other, compressed."""
    values = b"".join(rows[name].tobytes() for name in rows.dtype.names or ())
    packed = lzf.compress(values) or _literals(values)
    return struct.pack("<II", len(packed), len(values)) + packed


def _literals(values: bytes) -> bytes:
    """LZF of values that do not shrink: runs of up to 32 literal bytes."""
    runs = [values[i : i + 32] for i in range(0, len(values), 32)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def write_pcd(path: Path, rows: Rows, encoding: str) -> None:
    """Write a PCD file."""
    body = pcd_text(rows) if encoding == "ascii" else rows.tobytes()
    if encoding == "binary_compressed":
        body = pcd_compressed(rows)
    path.write_bytes(pcd_header(rows, encoding) + body)


def write_ply(path: Path, rows: Rows, byte_order: str = "<", *, faces: bool = False) -> None:
    """Write a PLY file with plyfile, as text if the byte order is "="."""
    from plyfile import PlyData, PlyElement

    elements = [PlyElement.describe(rows, "vertex")]
    if faces:
        corners = np.array([([0, 1, 2],), ([1, 2, 3],)], [("vertex_indices", "i4", (3,))])
        elements.append(PlyElement.describe(corners, "face"))
    PlyData(elements, text=byte_order == "=", byte_order=byte_order).write(str(path))


def write_npz(path: Path, rows: Rows) -> None:
    """Write a compressed archive with one array per field."""
    np.savez_compressed(path, **{name: rows[name] for name in rows.dtype.names or ()})


def write_las(
    path: Path,
    rows: Rows,
    point_format: int = 3,
    offset: Sequence[float] = (0.0, 0.0, 0.0),
    scale: float = 1e-6,
) -> None:
    """Write a LAS or, by its suffix, a LAZ file with laspy."""
    import laspy

    header = laspy.LasHeader(point_format=point_format)
    header.scales, header.offsets = np.full(3, scale), np.array(offset)
    las = laspy.LasData(header)
    las.x, las.y, las.z = (rows[name].astype(np.float64) for name in ("x", "y", "z"))
    las.intensity = rows["intensity"].astype(np.uint16)
    las.write(str(path))
