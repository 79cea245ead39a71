"""Bytes that processes share: one file per content, none that is damaged or old."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.shared_bytes import MIN_SHARED_BYTES, share_bytes


def make_bytes(seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, MIN_SHARED_BYTES + 5, dtype=np.uint8)


def test_equal_bytes_are_one_file(tmp_path: Path) -> None:
    first, second = (share_bytes(make_bytes(), tmp_path) for _ in range(2))
    assert isinstance(first, np.memmap)
    assert isinstance(second, np.memmap)
    assert first.filename == second.filename
    np.testing.assert_array_equal(first, make_bytes())
    assert share_bytes(make_bytes(1), tmp_path).tolist() == make_bytes(1).tolist()
    assert len(list(tmp_path.glob("*.bin"))) == 2
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_small_arrays_need_no_file(tmp_path: Path) -> None:
    data = np.zeros(100, dtype=np.uint8)
    assert share_bytes(data, tmp_path) is data
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    share_bytes(make_bytes(), tmp_path)
    (path,) = tmp_path.glob("*.bin")
    path.write_bytes(bytes(len(make_bytes())))
    np.testing.assert_array_equal(share_bytes(make_bytes(), tmp_path), make_bytes())


def test_files_of_past_weeks_are_removed_while_readers_keep_them(tmp_path: Path) -> None:
    old = share_bytes(make_bytes(), tmp_path)
    (path,) = tmp_path.glob("*.bin")
    past = time.time() - 8 * 24 * 3600
    os.utime(path, (past, past))
    share_bytes(make_bytes(1), tmp_path)
    assert not path.exists()
    np.testing.assert_array_equal(old, make_bytes())
