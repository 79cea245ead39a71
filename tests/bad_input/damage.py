"""Damage that files of any kind can have."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np


def spare(path: Path) -> None:
    """Leave the file as it is."""


def remove(path: Path) -> None:
    path.unlink()


def clear(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3 - 1])


def scramble(path: Path) -> None:
    size = max(len(path.read_bytes()), 100)
    path.write_bytes(np.random.default_rng(0).bytes(size))


def blow_up(path: Path) -> None:
    """Make the file a terabyte long, without taking space on the disk."""
    os.truncate(path, 2**40)


def fill_with_zeros(path: Path) -> None:
    """Make the file a terabyte of zeros, without taking space on the disk."""
    clear(path)
    blow_up(path)


def ask_for_memory() -> bytes:
    """Return a pickle of few bytes whose memo would take 32 GiB."""
    return b"\x80\x02}r" + struct.pack("<I", 2**31 - 1) + b"."


def merge(**changes: object) -> "Damage":
    """Return the damage that replaces or adds entries of a JSON object."""
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def put(data: bytes) -> "Damage":
    """Return the damage that replaces the content of a file."""
    return lambda path: path.write_bytes(data)


Damage = Callable[[Path], object]
