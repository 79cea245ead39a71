"""Check that the zip archive of a checkpoint is what was written.

torch reads the archive by its directory, without comparing checksums: an entry that a
flipped bit calls a folder has values that nobody wrote.
"""

import struct
import zipfile
import zlib
from pathlib import Path

# What torch looks for at the start of a file.
_SIGNATURE = b"PK\x03\x04"
# Flags of an entry: its sizes follow its data; its name is UTF-8.
_KNOWN_FLAGS = 0x8 | 0x800
_ENCRYPTED_FLAG = 0x1
# The bit of an entry's attributes that says "folder" in DOS, and to torch's reader.
_FOLDER_BIT = 0x10
# What zipfile raises for damaged directories, among it RuntimeError for passwords.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
    LookupError, OverflowError, MemoryError,
)  # fmt: skip


def is_archive(path: str | Path) -> bool:
    """Return whether torch reads a file as a zip archive, as it writes since 1.6."""
    with Path(path).open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def check_whole(path: str | Path) -> None:
    """Compare a checkpoint with the checksums in it, and check its directory.

    Args:
        path: File written by ``torch.save`` since torch 1.6.

    Raises:
        ValueError: If the file is cut off, or a byte has changed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            fault = _find_fault(archive)
    except _ZIP_ERRORS as error:
        raise ValueError(
            f"Cannot read the checkpoint {path} ({type(error).__name__}): it is truncated or "
            "damaged; copy or download it again."
        ) from error
    if fault:
        raise ValueError(f"The checkpoint {path} is damaged: {fault}; copy or download it again.")


def _find_fault(archive: zipfile.ZipFile) -> str:
    """Return what is wrong with an archive, empty if nothing is."""
    for entry in archive.infolist():
        fault = _find_entry_fault(entry)
        if fault:
            return f"its entry {entry.filename} {fault}"
    damaged = archive.testzip()
    return "" if damaged is None else f"the checksum of its entry {damaged} is wrong"


def _find_entry_fault(entry: zipfile.ZipInfo) -> str:
    """Return how an entry of the directory differs from what torch writes."""
    if entry.external_attr & _FOLDER_BIT or entry.is_dir():
        return "is marked as a folder"
    if entry.flag_bits & _ENCRYPTED_FLAG:
        return "is marked as encrypted"
    if entry.flag_bits & ~_KNOWN_FLAGS:
        return f"has unknown flags ({entry.flag_bits:#06x})"
    if entry.compress_type != zipfile.ZIP_STORED:
        return "is marked as compressed"
    if entry.file_size != entry.compress_size:
        return f"has two sizes, {entry.file_size:,} and {entry.compress_size:,} bytes"
    return ""
