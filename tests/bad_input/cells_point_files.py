"""Files of points that describe themselves: PCD, PLY, NPY, NPZ, LAS and LAZ."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perception_kd.datasets.transforms import LoadPoints
from perception_kd.structures import PointLayout, Sample
from tests.bad_input import damage
from tests.bad_input.table import accepted, refused
from tests.io.point_files.write_points import (
    Rows,
    make_rows,
    select,
    write_las,
    write_npz,
    write_pcd,
    write_ply,
)

PCD, PLY, NPY, NPZ = "PCD file", "PLY file", "NPY file", "NPZ file"
LAS, LAZ = "LAS file", "LAZ file"


class Kind(NamedTuple):
    """A format: how to write it, and the patterns of errors that all formats have.

    ``header`` is about files without one, ``cut`` about those that end too early.
    """

    suffix: str
    write: Callable[[Path, Rows], object]
    header: str
    cut: str


def write_packed(path: Path, rows: Rows) -> None:
    write_pcd(path, rows, "binary_compressed")


def save(path: Path, rows: Rows) -> None:
    np.save(path, rows)


KINDS = {
    PCD: Kind("pcd", write_packed, "has no header of a PCD file", "compressed bytes, of"),
    PLY: Kind("ply", write_ply, "has no header of a PLY file", "is too short for the 50 vertices"),
    NPY: Kind("npy", save, "is not a readable .npy array", "bytes for an array .50,. of"),
    NPZ: Kind("npz", write_npz, "is not a readable .npz archive", "is not a readable .npz archive"),
    LAS: Kind("las", write_las, "has no header of a LAS file", "bytes of points, but its header"),
    LAZ: Kind("laz", write_las, "has no header of a LAS file", "has no table of its compressed"),
}


def load(path: Path, columns: tuple[str, ...] | None = None) -> Sample | None:
    layout = PointLayout(columns=columns)
    sample: Sample = {"sample_token": "a", "lidar_path": str(path), "point_layout": layout}
    return LoadPoints()(sample)


def load_rows(reader: str, folder: Path, rows: Rows) -> Sample | None:
    path = folder / f"a.{KINDS[reader].suffix}"
    KINDS[reader].write(path, rows)
    return load(path)


def load_damaged(reader: str, folder: Path, harm: damage.Damage) -> Sample | None:
    path = folder / f"a.{KINDS[reader].suffix}"
    KINDS[reader].write(path, make_rows())
    harm(path)
    return load(path)


def moved(distance: float) -> Rows:
    rows = make_rows(position="<f8")
    rows["x"] += distance
    return rows


def replace(old: bytes, new: bytes) -> damage.Damage:
    def harm(path: Path) -> None:
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new, 1))

    return harm


def overwrite(offset: int, data: bytes) -> damage.Damage:
    def harm(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[offset : offset + len(data)] = data
        path.write_bytes(content)

    return harm


def add_common(reader: str, kind: Kind) -> None:
    """Add the faults that all formats have."""
    name = rf"a\.{kind.suffix} "

    @refused(reader, "missing", "the path", f"No LiDAR sweep at .*{name[:-1]}", FileNotFoundError)
    def _(folder: Path) -> None:
        load_damaged(reader, folder, damage.remove)

    @refused(reader, "empty", "no header", name + kind.header)
    def _(folder: Path) -> None:
        load_damaged(reader, folder, damage.clear)

    @refused(reader, "truncated", "fewer bytes than the header says", name + f".*{kind.cut}")
    def _(folder: Path) -> None:
        load_damaged(reader, folder, damage.cut)

    @refused(reader, "garbage", "no header", name + kind.header)
    def _(folder: Path) -> None:
        load_damaged(reader, folder, damage.scramble)

    @refused(reader, "huge", "a file above 256 MiB", name + "has 1,099,511,627,776 bytes")
    def _(folder: Path) -> None:
        load_damaged(reader, folder, damage.blow_up)

    @refused(
        reader,
        "other data set",
        "positions on a map, all beyond 1 km",
        name
        + r"does not hold points in m .*: the nearest point is 1\.\d km away\. Check .* origin",
    )
    def _(folder: Path) -> None:
        load_rows(reader, folder, moved(1_500))


for _reader, _kind in KINDS.items():
    add_common(_reader, _kind)


def lacks_intensity(reader: str) -> None:
    @refused(
        reader,
        "wrong shape",
        "a field that the layout names is missing; those in the file are named",
        r"has no field 'intensity'; it has x, y, z, i\. Name the fields",
    )
    def _(folder: Path) -> None:
        load_rows(reader, folder, select(make_rows(), "x", "y", "z", "i=ring"))


def has_no_finite_position(reader: str) -> None:
    @refused(reader, "NaN/inf", "no finite position", "no position is finite")
    def _(folder: Path) -> None:
        rows = make_rows()
        rows["x"] = np.nan
        load_rows(reader, folder, rows)

    @accepted(reader, "some NaN/inf", "these points are dropped, with a warning")
    def _(folder: Path) -> None:
        rows = make_rows()
        rows["x"][3], rows["y"][7] = np.nan, np.inf
        loaded = load_rows(reader, folder, rows)
        assert loaded is not None
        assert len(loaded["points"]) == len(rows) - 2


for _reader in (PCD, PLY, NPY, NPZ):
    lacks_intensity(_reader)
    has_no_finite_position(_reader)


def claims(reader: str, message: str, harm: damage.Damage) -> None:
    @refused(reader, "header that claims a huge size", "before any memory is taken", message)
    def _(folder: Path) -> None:
        load_damaged(reader, folder, harm)


claims(PCD, "has 4,000,000,000 points by POINTS", lambda path: [
    replace(b"POINTS 50", b"POINTS 4000000000")(path),
    replace(b"WIDTH 50", b"WIDTH 4000000000")(path),
])  # fmt: skip
claims(PLY, "has 4,000,000,000 points by element", replace(b"vertex 50", b"vertex 4000000000"))
claims(NPY, "for an array .400000000000", replace(b"(50,), }" + 9 * b" ", b"(400000000000,),}"))


@refused(PCD, "wrong dtype", "a TYPE and SIZE that PCD does not have", "unknown TYPE F and SIZE 2")
def _(folder: Path) -> None:
    load_damaged(PCD, folder, replace(b"SIZE 4", b"SIZE 2"))


@refused(PLY, "wrong dtype", "a list or an unknown type in a vertex", "'list uchar int x'.* plain")
def _(folder: Path) -> None:
    load_damaged(PLY, folder, replace(b"property float x", b"property list uchar int x"))


@refused(NPY, "wrong dtype", "pickled objects, which are never read", "numbers can be read only")
def _(folder: Path) -> None:
    np.save(folder / "a.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    load(folder / "a.npy")


@refused(NPY, "array of another shape", "the shape", r"must have an array \(N, F\) .*has \(5, 4, 3")
def _(folder: Path) -> None:
    np.save(folder / "a.npy", np.zeros((5, 4, 3)))
    load(folder / "a.npy")


@refused(NPZ, "wrong dtype", "pickled objects, which are never read", "numbers can be read only")
def _(folder: Path) -> None:
    np.savez(folder / "a.npz", x=np.array([{}, 1], dtype=object))
    load(folder / "a.npz")


@refused(NPZ, "arrays of different length", "the shapes", r"must have one array .*has x \(50,\), y")
def _(folder: Path) -> None:
    rows = make_rows()
    np.savez(folder / "a.npz", x=rows["x"], y=rows["y"], z=rows["z"][:-1])
    load(folder / "a.npz")


@refused(PCD, "other version", "other than 0.5 to 0.7", "has VERSION '1.0', but known are 0.5")
def _(folder: Path) -> None:
    load_damaged(PCD, folder, replace(b"VERSION 0.7", b"VERSION 1.0"))


@refused(PLY, "other version", "other than 1.0", "has format 'binary_little_endian 2.0', but")
def _(folder: Path) -> None:
    load_damaged(PLY, folder, replace(b"endian 1.0", b"endian 2.0"))


@refused(NPY, "other version", "other than 1 to 3", r"has version \(9, 0\) of the format .npy")
def _(folder: Path) -> None:
    load_damaged(NPY, folder, overwrite(6, b"\x09"))


@refused(NPZ, "other version", "arrays other than version 1 to 3", r"has version \(9, 0\) of the")
def _(folder: Path) -> None:
    array = io.BytesIO()
    np.save(array, make_rows())
    content = bytearray(array.getvalue())
    content[6] = 9
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    load(folder / "a.npz")


@refused(PCD, "decompresses to gigabytes", "before any memory is taken", "compressed bytes, of")
def _(folder: Path) -> None:
    def harm(path: Path) -> None:
        head, body = path.read_bytes().split(b"DATA binary_compressed\n")
        head = head.replace(b" 50", b" 4000000")
        sizes = struct.pack("<II", len(body) - 8, 4000000 * 15)
        path.write_bytes(head + b"DATA binary_compressed\n" + sizes + body[8:])

    load_damaged(PCD, folder, harm)


@refused(NPZ, "decompresses to gigabytes", "before any memory is taken", "more than 268,435,456")
def _(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abc":
            archive.writestr(f"{name}.npy", bytes(100_000_000))
    load(folder / "a.npz")
