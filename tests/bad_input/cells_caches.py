"""Regions, and manifests of caches of any kind."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.io.caches.cache import Cache
from perception_kd.regions.codec import encode_region_ids, load_region_ids
from tests.bad_input import damage
from tests.bad_input.table import not_applicable, refused

REGIONS, MANIFEST = "regions", "manifest"
IDS = np.arange(400) % 7 - 2


def load_damaged(folder: Path, harm: damage.Damage) -> Any:
    cache = Cache.create(folder / "regions", "regions", {}, ".npz", {"command": "make"})
    cache.write("token", encode_region_ids(IDS))
    harm(cache.path("token"))
    return load_region_ids(cache, "token", len(IDS))


@refused(REGIONS, "missing", "the command that makes it", r"No regions of token", FileNotFoundError)
def _(folder: Path) -> None:
    load_damaged(folder, damage.remove)


@refused(REGIONS, "empty", "the path", r"token\.npz is not a complete file of region ids")
def _(folder: Path) -> None:
    load_damaged(folder, damage.clear)


@refused(REGIONS, "truncated", "the path", r"token\.npz is not a complete file of region ids")
def _(folder: Path) -> None:
    load_damaged(folder, damage.cut)


@refused(REGIONS, "garbage", "the path", r"token\.npz is not a complete file of region ids")
def _(folder: Path) -> None:
    load_damaged(folder, damage.scramble)


@refused(REGIONS, "wrong shape", "not one id per point", r"token\.npz must hold 400 int32")
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(encode_region_ids(IDS[1:])))


@refused(
    REGIONS, "wrong dtype", "ids that are not int32", r"token\.npz must hold 400 int32.*float64"
)
def _(folder: Path) -> None:
    file = BytesIO()
    np.savez_compressed(file, region_ids=IDS.astype(float))
    load_damaged(folder, damage.put(file.getvalue()))


not_applicable(REGIONS, "NaN/inf", "ids are integers")


@refused(REGIONS, "huge", "ids or a header beyond the points", r"token\.npz (must hold|has ids)")
def _(folder: Path) -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("region_ids.npy", "w") as member:
        header = {"descr": "<i4", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(member, header)  # type: ignore[no-untyped-call]
    load_damaged(folder, damage.put(file.getvalue()))


not_applicable(REGIONS, "other version", "the manifest of the cache has the version; see there")


@refused(REGIONS, "other data set", "ids of another sweep", r"token\.npz has ids from -2 to 9999")
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(encode_region_ids(np.where(IDS > 0, 9999, IDS))))


def open_damaged(folder: Path, harm: damage.Damage) -> Cache:
    Cache.create(folder / "regions", "regions", {"eps": 0.75}, ".npz", {"command": "make"})
    harm(folder / "regions" / "manifest.json")
    return Cache.open(folder / "regions", "regions", {"eps": 0.75})


@refused(
    MANIFEST, "missing", "the command that makes it", r"No cache of regions", FileNotFoundError
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.remove)


@refused(MANIFEST, "empty", "the path", r"manifest\.json is not the manifest of a cache")
def _(folder: Path) -> None:
    open_damaged(folder, damage.clear)


@refused(MANIFEST, "truncated", "the path", r"manifest\.json is not the manifest of a cache")
def _(folder: Path) -> None:
    open_damaged(folder, damage.cut)


@refused(MANIFEST, "garbage", "the path", r"manifest\.json is not the manifest of a cache")
def _(folder: Path) -> None:
    open_damaged(folder, damage.scramble)


@refused(
    MANIFEST, "wrong shape", "a list in place of a dict", r"manifest\.json is not the manifest"
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.put(b"[]"))


@refused(
    MANIFEST, "wrong dtype", "a field of another type", r"manifest\.json .* sources must be a list"
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(sources={"command": 5}))


@refused(MANIFEST, "NaN/inf", "settings that were edited", r"manifest\.json do not match")
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(settings={"eps": float("nan")}))


@refused(MANIFEST, "huge", "a file above 256 MiB", r"manifest\.json has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    open_damaged(folder, damage.blow_up)


@refused(MANIFEST, "other version", "both versions", r"manifest\.json must have schema_version 1")
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(schema_version=7))


@refused(
    MANIFEST,
    "other data set",
    "a cache of another kind or of other settings; entries of another data set are missing",
    r"regions must hold regions, but its manifest says superpixels",
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(kind="superpixels"))


@refused(
    MANIFEST,
    "nested a hundred thousand times",
    "the path",
    r"manifest\.json is not the manifest of a cache",
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.put(b"[" * 100_000))


@refused(
    MANIFEST,
    "extension that leads elsewhere",
    "the field",
    r"manifest\.json .* extension must be like \.png",
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(extension="/../../x"))


@refused(
    MANIFEST,
    "command of several lines",
    "the field",
    r"manifest\.json .* sources must be dicts with a command in one line",
)
def _(folder: Path) -> None:
    open_damaged(folder, damage.merge(sources=[{"command": "make\nrm -r ."}]))
