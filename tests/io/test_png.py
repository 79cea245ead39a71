"""PNG files: no reader gives memory to a length that the file does not have."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.io.caches.origin import Origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image
from perception_kd.io.png import PngChunk, is_whole_png, iterate_chunks
from perception_kd.superpixels.codec import add_origin, decode_superpixels, encode_superpixels

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()
HUGE = (0xFF000000, 0x7FFFFFFF)


def claim(png: bytes, name: bytes, length: int) -> bytes:
    place = png.find(name) - 4
    return png[:place] + struct.pack(">I", length) + png[place + 4 :]


def test_chunks_are_those_that_were_written() -> None:
    contents = {b"IHDR": b"1234", b"IDAT": b"", b"IEND": b"56"}
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in contents.items():
        checksum = struct.pack(">I", zlib.crc32(name + content))
        data += struct.pack(">I", len(content)) + name + content + checksum
    expected = [PngChunk(b"IHDR", 16, 20), PngChunk(b"IDAT", 32, 32), PngChunk(b"IEND", 44, 46)]
    assert list(iterate_chunks(data + b"behind the end")) == expected


def test_only_all_bytes_make_a_whole_png() -> None:
    assert is_whole_png(PNG)
    assert is_whole_png(PNG + b"behind the end")
    assert not any(is_whole_png(PNG[:length]) for length in range(len(PNG)))
    assert not is_whole_png(cv2.imencode(".jpg", PIXELS)[1].tobytes())
    assert not is_whole_png(PNG.replace(b"IEND", b"IENX"))


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize("name", [b"IDAT", b"IEND"])
def test_an_image_of_a_huge_chunk_is_never_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, length: int
) -> None:
    monkeypatch.setattr("cv2.imdecode", None)
    (tmp_path / "a.png").write_bytes(claim(PNG, name, length))
    with pytest.raises(BrokenFileError, match=r"a\.png is truncated or not an image"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize("name", [b"tEXt", b"IDAT"])
def test_a_map_of_a_huge_chunk_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch, name: bytes, length: int
) -> None:
    monkeypatch.setattr("cv2.imdecode", None)
    ids = np.zeros((12, 16), dtype=np.int32)
    data = claim(add_origin(encode_superpixels(ids), Origin("a", 3, "0")), name, length)
    with pytest.raises(BrokenFileError, match=r"a\.png is truncated or not a PNG"):
        decode_superpixels(data, "a.png", (12, 16))
