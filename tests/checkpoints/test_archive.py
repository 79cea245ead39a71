"""Checkpoints whose zip directory is damaged are refused by name."""

import random
import zipfile
from pathlib import Path

import pytest
import torch

from perception_kd.checkpoints.archive import check_whole
from perception_kd.checkpoints.folder import find_newest
from perception_kd.checkpoints.reading import read_checkpoint

DIRECTORY = b"PK\x01\x02"
VALUES = torch.arange(40.0)


def save(folder: Path) -> Path:
    path = folder / "epoch_1.pth"
    torch.save({"state_dict": {"weight": VALUES}, "meta": {"iter": 1}}, path)
    return path


def flip(path: Path, offset: int, bits: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= bits
    path.write_bytes(content)


# Offsets in an entry of the directory: flags, method, size of the file, attributes.
@pytest.mark.parametrize(
    ("offset", "bits", "expected"),
    [
        (38, 0x10, "is marked as a folder"),
        (8, 0x01, "is marked as encrypted"),
        (8, 0x40, r"has unknown flags \(0x0848\)"),
        (10, 0x08, "is marked as compressed"),
        (24, 0x01, "has two sizes, 161 and 160 bytes"),
        (16, 0x01, ""),  # the checksum
    ],
)
def test_an_entry_that_is_marked_otherwise_is_named(
    tmp_path: Path, offset: int, bits: int, expected: str
) -> None:
    path = save(tmp_path)
    content = path.read_bytes()
    entry = content.index(b"epoch_1/data/0", content.index(DIRECTORY)) - 46
    flip(path, entry + offset, bits)
    expected = f"its entry epoch_1/data/0 {expected}" if expected else "the checksum of its entry"
    message = rf"The checkpoint .*epoch_1\.pth is damaged: {expected}.*; copy or download it again"
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path)
    newest = find_newest([path])
    assert newest.path is None
    assert str(path) in newest.broken[0]


def test_no_flipped_bit_of_the_directory_changes_what_is_read(tmp_path: Path) -> None:
    path = save(tmp_path)
    content = path.read_bytes()
    rng = random.Random(0)
    refused = 0
    for offset in range(content.index(DIRECTORY), len(content)):
        bits = 1 << rng.randrange(8)
        flip(path, offset, bits)
        try:
            assert torch.equal(read_checkpoint(path).state_dict["weight"], VALUES)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
            refused += 1
        flip(path, offset, bits)
    assert refused > 200


def test_no_flipped_bit_of_the_values_ends_the_search_for_the_newest(tmp_path: Path) -> None:
    path = save(tmp_path)
    with zipfile.ZipFile(path) as archive:
        values = archive.read("epoch_1/data.pkl")
    start = path.read_bytes().index(values)
    for offset in range(start, start + len(values)):
        flip(path, offset, 1)
        newest = find_newest([path])
        assert newest.path is None
        assert str(path) in newest.broken[0]
        flip(path, offset, 1)
    assert find_newest([path]).path == path


def test_an_archive_that_was_packed_again_is_whole(tmp_path: Path) -> None:
    path = save(tmp_path)
    packed = tmp_path / "packed.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    check_whole(packed)
    assert torch.equal(read_checkpoint(packed).state_dict["weight"], VALUES)
