"""Reading a file takes no more memory than its size justifies."""

import resource
from pathlib import Path

import pytest

from perception_kd.io.memory import bounded_memory


def test_what_a_file_cannot_need_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.bin"
    path.write_bytes(b"12345678")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), bounded_memory(path, 10):
        bytearray(3 * 2**30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_what_a_file_may_need_is_free(tmp_path: Path) -> None:
    path = tmp_path / "small.bin"
    path.write_bytes(b"12345678")
    with bounded_memory(path, 10):
        assert len(bytearray(2**20)) == 2**20
