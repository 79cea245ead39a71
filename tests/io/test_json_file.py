"""Damaged JSON files are named with the place of the damage."""

from pathlib import Path

import pytest

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.json_file import read_json


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", ", line 1, column 1: "),
        (b'{\n "a": 1,\n "b" 2}', ", line 3, column 6: "),
        (b'{"a": [1, 2', ", line 1, column 12: "),
        (b'{"a": "\xff"}', ": 'utf-8' codec"),
        (b"[" * 100_000, ": maximum recursion depth"),
        (b'{"a": ' + b"1" * 5_000 + b"}", ": a number has too many digits"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(content)
    with pytest.raises(BrokenFileError) as caught:
        read_json(path, "Unpack it again.")
    assert str(caught.value).startswith(f"{path} is not JSON{place}")
    assert str(caught.value).endswith(" Unpack it again.")


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "table.json", "") == [1]
