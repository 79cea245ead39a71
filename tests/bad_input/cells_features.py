"""Caches of a teacher's features, and folders of a model."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from perception_kd.checkpoints.model_folder import read_model_folder, write_model_folder
from perception_kd.io.caches.rows import IDS, INDEX, ROWS, RowCache, RowEntry
from tests.bad_input import damage
from tests.bad_input.table import accepted, not_applicable, refused

TEACHER, MODEL = "cache of a teacher", "model folder"
FEATS = np.arange(20, dtype=np.float16).reshape(5, 4)
DAMAGED = r"The entry token in .* is damaged"


def read(
    folder: Path, harm: damage.Damage = damage.spare, name: str = ROWS, key: str = "token"
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


def model(folder: Path, harm: damage.Damage = damage.spare, name: str = "config.json") -> Any:
    (folder / "model").mkdir()
    write_model_folder(folder / "model", {"weight": torch.ones(3, 4)}, {"cfg": "a = 1"}, {})
    harm(folder / "model" / name)
    return read_model_folder(folder / "model")


WEIGHTS = "model.safetensors"


@refused(MODEL, "missing", "the file", r"No model\.safetensors in", FileNotFoundError)
def _(folder: Path) -> None:
    model(folder, damage.remove, WEIGHTS)


@refused(MODEL, "empty", "the file", r"Cannot read .*model\.safetensors as safe")
def _(folder: Path) -> None:
    model(folder, damage.clear, WEIGHTS)


@refused(MODEL, "truncated", "the file", r"(Cannot read .*|model\.safetensors is truncated)")
def _(folder: Path) -> None:
    model(folder, damage.cut, WEIGHTS)


@refused(MODEL, "garbage", "the file", r"Cannot read .*model\.safetensors as safe")
def _(folder: Path) -> None:
    model(folder, damage.scramble, WEIGHTS)


@refused(MODEL, "wrong shape", "the file of settings", r"config\.json must have the entries meta")
def _(folder: Path) -> None:
    model(folder, damage.put(b"[]"))


@refused(MODEL, "wrong dtype", "the file of settings", r"config\.json must have the entries meta")
def _(folder: Path) -> None:
    model(folder, damage.put(b'{"meta": 5, "sha256": 7}'))


@refused(MODEL, "NaN/inf", "both files, as their hash differs", r"model\.safetensors has the SHA-2")
def _(folder: Path) -> None:
    nan = np.full(12, np.nan, np.float32).tobytes()
    model(folder, lambda path: path.write_bytes(path.read_bytes()[:-48] + nan), WEIGHTS)


@refused(MODEL, "huge", "both sizes", r"is too long: it has 1,099,511,627,776 bytes of")
def _(folder: Path) -> None:
    model(folder, damage.blow_up, WEIGHTS)


@refused(MODEL, "other version", "of another program", r"config\.json must have the entries meta")
def _(folder: Path) -> None:
    model(folder, damage.put(b'{"model_type": "bert"}'))


@refused(MODEL, "other data set", "files of two models", r"model\.safetensors has the SHA-256")
def _(folder: Path) -> None:
    def replace(path: Path) -> None:
        path.with_name("x").mkdir()
        write_model_folder(path.with_name("x"), {"weight": torch.zeros(2)}, {}, {})
        path.write_bytes((path.with_name("x") / WEIGHTS).read_bytes())

    model(folder, replace, WEIGHTS)


@refused(MODEL, "settings that are huge", "both sizes", r"config\.json has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    model(folder, damage.blow_up)
