"""Caches of rows: what is written is read, and torn ends are dropped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.rows import IDS, INDEX, ROWS, RowCache, RowEntry, hash_key
from perception_kd.io.errors import BrokenFileError

SETTINGS: dict[str, Any] = {"channels": 3}
RECORD = np.dtype(
    [("key", "<u8"), ("start", "<i8"), ("count", "<i4"), ("checksum", "<u4"), ("note", "<i4", 8)]
)
SOURCE = {"command": "make it"}


def make_cache(folder: Path) -> RowCache:
    return RowCache.create(folder, "teacher", SETTINGS, ".bin", SOURCE)


def make_entry(number: int) -> RowEntry:
    rows = (np.arange(3 * number).reshape(number, 3) + 0.5 * number).astype(np.float16)
    return RowEntry(np.arange(10, 10 + number, dtype=np.int32), rows, (number, -1))


def fill(cache: RowCache, *numbers: int) -> None:
    cache.append([(f"key{number}", make_entry(number)) for number in numbers])


def check(cache: RowCache, *numbers: int) -> None:
    assert len(cache) == len(numbers)
    for number in numbers:
        entry, expected = cache.read_rows(f"key{number}"), make_entry(number)
        np.testing.assert_array_equal(entry.rows, expected.rows)
        np.testing.assert_array_equal(entry.ids, expected.ids)
        assert list(entry.note) == [number, -1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("is_sorted", [False, True])
def test_reads_what_was_written_in_any_order(tmp_path: Path, is_sorted: bool) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5, 0, 2)
    fill(cache, 7, 1)
    if is_sorted:
        cache.sort()
    cache.save_manifest()
    opened = RowCache.open(tmp_path, "teacher", SETTINGS)
    check(opened, 0, 1, 2, 5, 7)
    assert opened.manifest["num_entries"] == 5
    assert "key5" in opened
    assert "key3" not in opened


def test_a_missing_entry_names_the_command_that_makes_it(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"key1 in .* with 0 entries; .*make it"):
        cache.read_rows("key1")


def test_a_cache_of_another_kind_is_refused(tmp_path: Path) -> None:
    Cache.create(tmp_path, "superpixels", {"algorithm": "fast"}, ".png", SOURCE)
    with pytest.raises(ValueError, match="must hold teacher, but its manifest says superpixels"):
        RowCache.open(tmp_path, "teacher", SETTINGS)
    with pytest.raises(ValueError, match="must hold teacher, but its manifest says superpixels"):
        make_cache(tmp_path)


@pytest.mark.parametrize("name", [ROWS, IDS, INDEX])
def test_a_torn_end_is_dropped_and_made_again(tmp_path: Path, name: str) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5, 2, 4)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-3])
    cache = make_cache(tmp_path)
    assert cache.repair() == 2
    check(cache, 5, 2)
    fill(cache, 4)
    check(cache, 5, 2, 4)


def test_rows_without_a_record_are_dropped(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5)
    for name in (ROWS, IDS):  # an interrupted writer had not come to the index
        with (tmp_path / name).open("ab") as file:
            file.write(b"torn")
    assert make_cache(tmp_path).repair() == 1
    fill(cache, 2)
    check(cache, 5, 2)


def test_entries_can_be_added_to_a_sorted_cache(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5, 2)
    cache.sort()
    cache.repair()
    fill(cache, 4, 3)
    check(cache, 2, 3, 4, 5)


@pytest.mark.parametrize("name", [ROWS, IDS, INDEX])
def test_a_changed_byte_is_found(tmp_path: Path, name: str) -> None:
    fill(make_cache(tmp_path), 5)
    data = (tmp_path / name).read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x81
        (tmp_path / name).write_bytes(changed)
        # With another hash of its key, an entry is missing.
        with pytest.raises((BrokenFileError, FileNotFoundError), match=r"key5 .*make it"):
            make_cache(tmp_path).read_rows("key5")


WRONG = [("count", 6), ("count", 9), ("count", 2**30), ("count", -1), ("start", -1)]
WRONG += [("start", 2**62), ("start", -(2**63))]


@pytest.mark.parametrize("is_sorted", [False, True])
@pytest.mark.parametrize(("field", "value"), WRONG)
def test_rows_of_other_entries_are_never_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_sorted: bool, field: str, value: int
) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5, 0, 2, 7)
    if is_sorted:
        cache.sort()
    index = np.fromfile(tmp_path / INDEX, dtype=RECORD)
    index[field][index["key"] == hash_key("key5")] = value
    index.tofile(tmp_path / INDEX)
    monkeypatch.setattr("perception_kd.io.caches.rows.RowEntry", None)
    with pytest.raises(BrokenFileError, match=r"The entry key5 in .* is damaged"):
        make_cache(tmp_path).read_rows("key5")


def test_another_entry_is_read_beside_a_damaged_one(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    fill(cache, 5, 0, 2, 7)
    index = np.fromfile(tmp_path / INDEX, dtype=RECORD)
    index["count"][0] = 2**30
    index.tofile(tmp_path / INDEX)
    opened = make_cache(tmp_path)
    for number in (0, 2, 7):
        np.testing.assert_array_equal(
            opened.read_rows(f"key{number}").rows, make_entry(number).rows
        )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((2, 4), dtype=np.float16), "shape"),
        (np.zeros((2, 3), dtype=np.float32), "float16"),
        (np.full((2, 3), np.inf, dtype=np.float16), "not finite"),
    ],
)
def test_rows_that_cannot_be_stored_are_refused(tmp_path: Path, rows: Any, message: str) -> None:
    cache = make_cache(tmp_path)
    with pytest.raises(ValueError, match=message):
        cache.append([("key", RowEntry(np.arange(2, dtype=np.int32), rows, ()))])
    assert len(cache) == 0


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    make_cache(tmp_path)
    with pytest.raises(ValueError, match=r"channels is 3, not 4"):
        RowCache.create(tmp_path, "teacher", {"channels": 4}, ".bin", SOURCE)
