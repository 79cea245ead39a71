"""Chunks of PNG files, found before anything is decoded.

libpng takes memory for the length that a chunk claims, up to 4 GB for a small file.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

PNG_START = b"\x89PNG\r\n\x1a\n"
CHUNK_HEAD = struct.Struct(">I4s")  # length of the content and name; a checksum ends the chunk
_CHECKSUM_BYTES = 4


class PngChunk(NamedTuple):
    """A chunk of a PNG.

    Attributes:
        name: Its four letters.
        start: Byte of the file where its content begins.
        end: Byte behind the content, where its checksum begins.
    """

    name: bytes
    start: int
    end: int


def iterate_chunks(data: bytes) -> Iterator[PngChunk]:
    """Yield the chunks of a PNG up to IEND, or to the first that is not all there."""
    place = len(PNG_START)
    while place + CHUNK_HEAD.size <= len(data):
        length, name = CHUNK_HEAD.unpack_from(data, place)
        start = place + CHUNK_HEAD.size
        end = start + length
        if end + _CHECKSUM_BYTES > len(data):
            return
        yield PngChunk(name, start, end)
        if name == b"IEND":
            return
        place = end + _CHECKSUM_BYTES


def is_whole_png(data: bytes) -> bool:
    """Return whether data begin as a PNG, and all chunks to IEND end within them."""
    return data.startswith(PNG_START) and any(x.name == b"IEND" for x in iterate_chunks(data))
