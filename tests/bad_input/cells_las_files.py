"""LAS and LAZ files."""

import struct
from pathlib import Path

import numpy as np

from tests.bad_input.cells_point_files import KINDS, LAS, LAZ, claims, load, load_damaged, overwrite
from tests.bad_input.table import refused
from tests.io.point_files.write_points import make_rows, write_las

claims(LAS, "has 4,294,967,295 points by its header", overwrite(107, b"\xff" * 4))
claims(LAZ, "has 4,294,967,295 points by its header", overwrite(107, b"\xff" * 4))


@refused(LAS, "wrong dtype", "an unknown point format", "has point format 35, but known are 0")
def _(folder: Path) -> None:
    load_damaged(LAS, folder, overwrite(104, b"\x63"))


@refused(LAZ, "wrong dtype", "an unknown point format", "has point format 63, but known are 0")
def _(folder: Path) -> None:
    load_damaged(LAZ, folder, overwrite(104, b"\xbf"))


def has_other_version(reader: str) -> None:
    @refused(reader, "other version", "other than 1.0 to 1.5", "has version 9.9 of LAS, but known")
    def _(folder: Path) -> None:
        load_damaged(reader, folder, overwrite(24, b"\x09\x09"))

    @refused(
        reader,
        "wrong shape",
        "a dimension that the file lacks",
        "has no field 'ring'; it has x",
    )
    def _(folder: Path) -> None:
        path = folder / f"a.{KINDS[reader].suffix}"
        write_las(path, make_rows())
        load(path, ("x", "y", "z", "ring"))

    @refused(reader, "NaN/inf", "no finite position, by a scale of NaN", "no position is finite")
    def _(folder: Path) -> None:
        load_damaged(reader, folder, overwrite(131, struct.pack("<d", np.nan)))

    @refused(
        reader,
        "header with millions of records",
        "before any memory is taken",
        "has 4,294,967,295 records and points from byte",
    )
    def _(folder: Path) -> None:
        load_damaged(reader, folder, overwrite(100, b"\xff" * 4))


for _reader in (LAS, LAZ):
    has_other_version(_reader)


@refused(LAZ, "decompresses to gigabytes", "before any memory is taken", "points of .* bytes")
def _(folder: Path) -> None:
    def harm(path: Path) -> None:
        overwrite(107, struct.pack("<I", 4_000_000))(path)
        overwrite(105, struct.pack("<H", 60_000))(path)

    load_damaged(LAZ, folder, harm)
