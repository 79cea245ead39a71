"""Files are whole or absent, and folders are checked before work starts."""

import errno
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from perception_kd.io.atomic import (
    make_writable_folder,
    open_folder,
    open_whole,
    remove_leftovers,
    write_json,
    write_whole,
)

DEAD = 2**22 + 1  # beyond the largest process id of Linux


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    with open_whole(tmp_path / "file") as file:
        file.write(b"new")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"old")
    with suppress(KeyboardInterrupt), open_whole(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_json_that_cannot_be_encoded_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"whole": True})
    with pytest.raises(TypeError):
        write_json(path, {"broken": object()})
    assert json.loads(path.read_text()) == {"whole": True}
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_neither_new_files_nor_new_folders(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mine").write_bytes(b"kept")
    for name in ("old", "old/new/out"):
        with suppress(KeyboardInterrupt), open_folder("--out", tmp_path / name) as folder:
            write_whole(folder / "half", b"half")
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "mine"]
    with open_folder("--out", tmp_path / "new") as folder:
        write_whole(folder / "whole", b"whole")
    assert (tmp_path / "new" / "whole").read_bytes() == b"whole"


def test_only_leftovers_of_dead_writers_are_removed(tmp_path: Path) -> None:
    host = socket.gethostname()
    dead, living = f".a.bin.{host}-{DEAD}.tmp", f".b.bin.{host}-{os.getpid()}.tmp"
    # Which processes run on another host is unknown, whatever their ids are here.
    elsewhere, old = f".c.bin.elsewhere-{DEAD}.tmp", ".d.bin.elsewhere-2.tmp"
    for name in (dead, living, elsewhere, old):
        (tmp_path / name).write_bytes(b"half")
    os.utime(tmp_path / old, (0, 0))
    remove_leftovers(tmp_path)
    assert set(os.listdir(tmp_path)) == {living, elsewhere}


def test_leftovers_of_all_writers_are_removed_when_asked_for(tmp_path: Path) -> None:
    for name in (".a.png.elsewhere-1.tmp", f".b.png.{socket.gethostname()}-{os.getpid()}.tmp"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(tmp_path, all_writers=True)
    assert not os.listdir(tmp_path)


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = make_writable_folder("--out-dir", tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert list(folder.iterdir()) == []


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("call", ["pathlib.Path.mkdir", "tempfile.TemporaryFile"])
def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(call, refuse)
    message = r"^Cannot write to --out-dir .*/a: Read-only file system\. Choose another folder\.$"
    with pytest.raises(PermissionError, match=message):
        make_writable_folder("--out-dir", tmp_path / "a")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(PermissionError, match=f"Cannot write to --work-dir {folder}: "):
            make_writable_folder("--work-dir", folder)


def test_a_full_disk_is_named_and_the_old_file_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "file", b"old")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'$"):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_files_of_other_programs_are_not_leftovers(tmp_path: Path) -> None:
    for name in (".notes.tmp", ".a.b-.tmp", "a.host-1.tmp"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path)
    assert len(os.listdir(tmp_path)) == 3


@pytest.mark.parametrize("call", ["open", "replace"])
def test_a_failure_names_the_file_and_not_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(path: Path, *_: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, call, fail)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*/file'$"):
        write_whole(tmp_path / "file", b"new")
