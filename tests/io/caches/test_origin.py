"""Notes of what entries were made from: kept in each kind of entry, and compared."""

import math
from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.caches.origin import (
    Origin,
    check_digest,
    check_origin,
    decode_origin,
    measure_origin,
)
from perception_kd.io.errors import BrokenFileError
from perception_kd.regions import codec as regions
from perception_kd.superpixels import codec as superpixels

ORIGIN = Origin("a", 3, "0" * 64)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    return path


def test_a_png_keeps_its_origin_and_its_ids() -> None:
    ids = np.arange(12, dtype=np.int32).reshape(3, 4)
    data = superpixels.add_origin(superpixels.encode_superpixels(ids), ORIGIN)
    assert superpixels.read_origin(data, "a") == ORIGIN
    np.testing.assert_array_equal(superpixels.decode_superpixels(data, "a.png", (3, 4)), ids)


def test_an_archive_keeps_its_origin_and_its_ids() -> None:
    ids = np.array([0, -1, 1])
    data = regions.add_origin(regions.encode_region_ids(ids), ORIGIN)
    assert regions.read_origin(data, "a") == ORIGIN
    np.testing.assert_array_equal(regions.decode_region_ids(data, "a.npz", 3), ids)


def test_entries_of_earlier_versions_have_none() -> None:
    png = superpixels.encode_superpixels(np.zeros((2, 2), int))
    assert superpixels.read_origin(png, "a.png") is superpixels.read_origin(b"", "a.png") is None
    archive = regions.encode_region_ids(np.zeros(2, int))
    assert regions.read_origin(archive, "a.npz") is regions.read_origin(b"", "a.npz") is None
    check_origin(None, "a", "a.png")


NO_NUMBERS = ("Infinity", "NaN", "-1", "1.5", "true", '"3"', "null")
WITH_SIZE = '{"key": "a", "num_bytes": %s, "sha256": "0"}'
DAMAGED = [b"", b"[]", b'{"key": 1}', b"\xff", b"[" * 100_000]
DAMAGED += [(WITH_SIZE % number).encode() for number in NO_NUMBERS]


@pytest.mark.parametrize("note", DAMAGED)
def test_a_damaged_note_is_named(note: bytes) -> None:
    with pytest.raises(BrokenFileError, match=r"a\.png is damaged: its note of the file it was"):
        decode_origin(note, "a.png")


def test_entries_with_a_damaged_note_are_refused() -> None:
    note = Origin("a", math.inf, "0")  # type: ignore[arg-type]
    png = superpixels.add_origin(superpixels.encode_superpixels(np.zeros((2, 2), int)), note)
    with pytest.raises(BrokenFileError, match=r"a\.png is damaged: its note"):
        superpixels.read_origin(png, "a.png")
    archive = regions.add_origin(regions.encode_region_ids(np.zeros(2, int)), note)
    with pytest.raises(BrokenFileError, match=r"a\.npz is damaged: its note"):
        regions.read_origin(archive, "a.npz")
    with pytest.raises(BrokenFileError, match=r"a\.npz is damaged: its note"):
        regions.decode_region_ids(archive, "a.npz", 2)


def test_another_key_or_size_is_refused(source: Path) -> None:
    origin = measure_origin("a", source)
    check_origin(origin, "a", "a.png", source)
    with pytest.raises(BrokenFileError, match=r"b\.png was made for a, not for b: the files were"):
        check_origin(origin, "b", "b.png", source)
    source.write_bytes(b"abcd")
    with pytest.raises(BrokenFileError, match=r"a file of 3 bytes, but .*a\.jpg has 4"):
        check_origin(origin, "a", "a.png", source)


def test_another_content_of_the_same_size_is_found(source: Path) -> None:
    origin = measure_origin("a", source)
    check_digest(origin, "a.png", source)
    source.write_bytes(b"abX")
    check_origin(origin, "a", "a.png", source)
    with pytest.raises(BrokenFileError, match=r"a\.png was made from other content than that of"):
        check_digest(origin, "a.png", source)
