"""Caches of a teacher's features."""

from pathlib import Path

import numpy as np

from perception_kd.io.caches.rows import IDS, INDEX, ROWS, RowCache, RowEntry
from tests.bad_input import damage
from tests.bad_input.table import accepted, not_applicable, refused

TEACHER = "cache of a teacher"
FEATS = np.arange(20, dtype=np.float16).reshape(5, 4)
DAMAGED = r"The entry token in .* is damaged"


def read(
    folder: Path, harm: damage.Damage = lambda path: None, name: str = ROWS, key: str = "token"
) -> RowEntry:
    source = {"command": "make"}
    cache = RowCache.create(folder / "teacher", "teacher", {"channels": 4}, ".bin", source)
    cache.append([("token", RowEntry(np.arange(5, dtype=np.int32), FEATS, (3, 4)))])
    harm(cache.folder / name)
    return RowCache.create(
        folder / "teacher", "teacher", {"channels": 4}, ".bin", source
    ).read_rows(key)


def change(path: Path) -> None:
    """Change each second byte, so that the size stays."""
    data = bytearray(path.read_bytes())
    data[::2] = bytes(x ^ 0x55 for x in data[::2])
    path.write_bytes(data)


@refused(TEACHER, "missing", "the entry", DAMAGED)
def _(folder: Path) -> None:
    assert read(folder / "whole").rows.shape == (5, 4)
    read(folder, damage.remove)


@refused(TEACHER, "empty", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, damage.clear)


@refused(TEACHER, "truncated", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, damage.cut, IDS)


@refused(TEACHER, "garbage", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, change)


@refused(TEACHER, "wrong shape", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, damage.put(FEATS[:, :3].tobytes()))


@refused(TEACHER, "wrong dtype", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, damage.put(FEATS.astype(np.float32).tobytes()))


@refused(TEACHER, "NaN/inf", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, damage.put(np.full_like(FEATS, np.nan).tobytes()))


@accepted(TEACHER, "huge", "only the rows of an entry are read")
def _(folder: Path) -> None:
    assert (read(folder, damage.blow_up).rows == FEATS).all()


not_applicable(TEACHER, "other version", "the manifest of the cache has the version; see there")


@refused(TEACHER, "other data set", "the key", r"No entry other in .*make", FileNotFoundError)
def _(folder: Path) -> None:
    read(folder, key="other")


@refused(TEACHER, "ids of other superpixels", "the entry", DAMAGED)
def _(folder: Path) -> None:
    read(folder, change, IDS)


@refused(TEACHER, "damaged index", "the entry", r"No entry token in .*make", FileNotFoundError)
def _(folder: Path) -> None:
    read(folder, change, INDEX)
