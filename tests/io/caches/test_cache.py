"""Caches: entries survive, other settings are refused, and errors name the remedy."""

import hashlib
import json
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.manifest import hash_settings
from perception_kd.io.errors import BrokenFileError

SETTINGS = {"backend": "fast", "num_segments": 150}
SOURCE = {"info_file": "a.pkl", "command": "make it"}


def make_cache(folder: Path, settings: dict[str, Any] | None = None, kind: str = "maps") -> Cache:
    return Cache.create(folder, kind, settings or SETTINGS, ".bin", SOURCE)


def decode_text(data: bytes, path: Path) -> str:
    if not data.endswith(b"."):
        raise BrokenFileError(f"{path} must end with a dot.")
    return data.decode()


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    make_cache(tmp_path / "new" / "cache").write("a", b"text.")
    cache = Cache.open(tmp_path / "new" / "cache", "maps")
    assert cache.read("a", decode_text) == "text."
    assert cache.keys() == {"a"}
    assert cache.path("a") == tmp_path / "new" / "cache" / "a.bin"


def test_the_hash_is_that_of_canonical_json() -> None:
    expected = hashlib.sha256(b'{"a":1,"b":[2.5,"x"]}').hexdigest()
    assert hash_settings({"b": [2.5, "x"], "a": 1}) == expected


def test_the_manifest_records_what_made_the_cache(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.write("a", b".")
    cache.save_manifest()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["settings"] == SETTINGS
    assert manifest["settings_hash"] == hash_settings(SETTINGS)
    assert manifest["num_entries"] == 1
    assert manifest["sources"] == [SOURCE]


def test_resuming_keeps_entries_and_adds_each_source_once(tmp_path: Path) -> None:
    make_cache(tmp_path).write("a", b".")
    make_cache(tmp_path)
    other = {**SOURCE, "info_file": "b.pkl"}
    cache = Cache.create(tmp_path, "maps", SETTINGS, ".bin", other)
    assert cache.keys() == {"a"}
    assert cache.manifest["sources"] == [SOURCE, other]


def test_other_settings_are_refused_with_all_differences(tmp_path: Path) -> None:
    make_cache(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    message = (
        "backend is 'fast', not None; num_segments is 150, not 30; sigma is None, not 3.0. "
        "Choose another folder"
    )
    with pytest.raises(ValueError, match=message):
        make_cache(tmp_path, {"num_segments": 30, "sigma": 3.0})
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_reader_may_expect_only_some_settings(tmp_path: Path) -> None:
    make_cache(tmp_path)
    Cache.open(tmp_path, "maps", {"num_segments": 150})
    with pytest.raises(ValueError, match="num_segments is 150, not 30"):
        Cache.open(tmp_path, "maps", {"num_segments": 30})


def test_a_cache_of_another_kind_is_refused(tmp_path: Path) -> None:
    make_cache(tmp_path)
    with pytest.raises(ValueError, match="must hold regions, but its manifest says maps"):
        Cache.open(tmp_path, "regions")
    with pytest.raises(ValueError, match="must hold regions"):
        make_cache(tmp_path, kind="regions")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b".")
    with pytest.raises(ValueError, match="has files and no manifest"):
        make_cache(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"make it with: python .*create_data\.py maps"):
        Cache.open(tmp_path, "maps")


def test_a_missing_cache_is_named_with_the_one_that_exists(tmp_path: Path) -> None:
    make_cache(tmp_path / "fast_150")
    make_cache(tmp_path / "other", kind="regions")
    with pytest.raises(FileNotFoundError, match=r"or use one that exists: \S*/fast_150\.$"):
        Cache.open(tmp_path / "skimage_150", "maps")
    with pytest.raises(FileNotFoundError, match=r"or give another folder\.$"):
        Cache.open(tmp_path / "elsewhere" / "skimage_150", "maps")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}'])
def test_a_broken_manifest_is_named(tmp_path: Path, text: str) -> None:
    make_cache(tmp_path)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json is not the manifest of a cache"):
        Cache.open(tmp_path, "maps")


def test_a_manifest_of_another_schema_is_refused(tmp_path: Path) -> None:
    make_cache(tmp_path)
    edit_manifest(tmp_path, schema_version=0)
    with pytest.raises(ValueError, match="schema_version 1, but got 0"):
        Cache.open(tmp_path, "maps")


def test_edited_settings_are_refused(tmp_path: Path) -> None:
    make_cache(tmp_path)
    edit_manifest(tmp_path, settings={**SETTINGS, "num_segments": 30})
    with pytest.raises(ValueError, match="do not match their settings_hash"):
        make_cache(tmp_path, {**SETTINGS, "num_segments": 30})


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = make_cache(tmp_path)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.write("a", b".")
    assert sorted(os.listdir(tmp_path)) == ["manifest.json"]


def test_opening_to_fill_removes_leftovers(tmp_path: Path) -> None:
    make_cache(tmp_path)
    leftover = tmp_path / f".a.bin.{socket.gethostname()}-{2**22 + 1}.tmp"
    leftover.write_bytes(b"half")
    cache = make_cache(tmp_path)
    assert not leftover.exists()
    assert cache.keys() == set()


def test_an_empty_file_is_no_entry(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.path("a").touch()
    assert cache.keys() == set()


def test_links_to_nothing_and_folders_are_no_entries(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.path("dangling").symlink_to(tmp_path / "gone")
    cache.path("loop").symlink_to(cache.path("loop"))
    cache.path("folder").mkdir()
    assert cache.keys() == set()


def test_a_missing_entry_is_named_with_the_remedy(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.write("a", b".")
    message = "No maps of b in .*, which has 1 entries; make what is missing with: make it"
    with pytest.raises(FileNotFoundError, match=message):
        cache.read("b", decode_text)


def test_a_broken_entry_is_named_with_the_remedy(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.write("a", b"cut off")
    with pytest.raises(
        BrokenFileError, match=r"a.bin must end .* Delete the file, then .* make it"
    ):
        cache.read("a", decode_text)


@pytest.mark.parametrize("key", ["", "../a", "a/b", ".a", "a b", "a\n"])
def test_a_key_that_cannot_name_a_file_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="key must name a file"):
        make_cache(tmp_path).path(key)


def test_a_cache_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    cache.write("a", b".")
    assert pickle.loads(pickle.dumps(cache)).read("a", decode_text) == "."
