"""Cache folders: files computed once, with a manifest of what made them.

```text
superpixels/fast_150/
  manifest.json           kind, settings and their hash, sources, number of entries
  <key>.png               one file per entry, whole or absent
```

All entries of a cache have the same settings. Opening it with other settings is an
error that lists the differences; a broken entry is named when it is read.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from perception_kd.io.atomic import remove_leftovers, write_json, write_whole
from perception_kd.io.bounded import read_bounded
from perception_kd.io.caches.manifest import (
    MANIFEST,
    check_empty,
    differing_settings,
    make_manifest,
    name_others,
    read_manifest,
)
from perception_kd.io.errors import BrokenFileError

_SAFE_KEY = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")

_T = TypeVar("_T")
_CacheT = TypeVar("_CacheT", bound="Cache")


class Cache:
    """A folder of files that were computed with the same settings.

    Use :meth:`create` to fill one and :meth:`open` to read one. Entries are bytes; the
    caller encodes and decodes them. Several processes may fill one cache.

    Attributes:
        folder: Folder of the cache.
        manifest: Content of its manifest; ``manifest["settings"]`` are the settings.
    """

    def __init__(self, folder: str | Path, manifest: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.manifest = manifest

    @classmethod
    def create(
        cls: type[_CacheT],
        folder: str | Path,
        kind: str,
        settings: Mapping[str, Any],
        extension: str,
        source: Mapping[str, Any],
    ) -> _CacheT:
        """Create a cache, or resume one that has the same settings.

        Leftovers of interrupted writes are removed.

        Args:
            folder: Folder of the cache, created if it does not exist.
            kind: Kind of the entries, such as ``superpixels``.
            settings: All that decides what an entry holds, as JSON types.
            extension: Extension of the files, such as ``.png``.
            source: Origin of the entries for readers of the manifest: data set,
                version, info file, and the ``command`` that fills the cache.

        Raises:
            ValueError: If the folder holds a cache of another kind or other settings,
                or files without a manifest.
        """
        folder = Path(folder)
        if (folder / MANIFEST).is_file():
            cache = cls(folder, read_manifest(folder))
            cache._check(kind, settings, exact=True)
        else:
            check_empty(folder)
            cache = cls(folder, make_manifest(kind, settings, extension))
        if dict(source) not in cache.manifest["sources"]:
            cache.manifest["sources"].append(dict(source))
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        cache.save_manifest()
        return cache

    @classmethod
    def open(
        cls: type[_CacheT],
        folder: str | Path,
        kind: str,
        settings: Mapping[str, Any] | None = None,
    ) -> _CacheT:
        """Open a cache for reading.

        Args:
            folder: Folder of the cache.
            kind: Expected kind of the entries.
            settings: Expected settings; those that are left out may have any value.

        Raises:
            FileNotFoundError: If there is no cache.
            ValueError: If it is of another kind, schema or settings.
        """
        folder = Path(folder)
        if not (folder / MANIFEST).is_file():
            raise FileNotFoundError(
                f"No cache of {kind} at {folder}; make it with: python tools/create_data.py {kind} "
                f"--out-dir {folder} ..., {name_others(folder, kind)}"
            )
        cache = cls(folder, read_manifest(folder))
        cache._check(kind, settings or {}, exact=False)
        return cache

    def path(self, key: str) -> Path:
        """Return the path of an entry, whether it exists or not.

        Raises:
            ValueError: If the key cannot be the name of a file.
        """
        if not _SAFE_KEY.fullmatch(key):
            raise ValueError(
                f"key must name a file, with letters, digits and . _ + - only, but got {key!r}."
            )
        return self.folder / f"{key}{self.manifest['extension']}"

    def keys(self) -> set[str]:
        """Return the keys of all entries that exist and are not empty."""
        extension = self.manifest["extension"]
        with os.scandir(self.folder) as files:
            return {
                file.name.removesuffix(extension)
                for file in files
                if file.name.endswith(extension) and _is_entry(file)
            }

    def write(self, key: str, data: bytes) -> None:
        """Write an entry, whole or not at all."""
        write_whole(self.path(key), data)

    def read(self, key: str, decode: Callable[[bytes, Path], _T]) -> _T:
        """Read an entry.

        Args:
            key: Key of the entry.
            decode: Called with its bytes and its path, which is for errors.

        Raises:
            FileNotFoundError: If there is no such entry.
            BrokenFileError: If the entry is empty or cannot be decoded.
        """
        path, kind = self.path(key), self.manifest["kind"]
        try:
            return decode(read_bounded(path, f"file of {kind}", ""), path)
        except FileNotFoundError:
            raise FileNotFoundError(
                f"No {kind} of {key} in {self.folder}, which has {len(self.keys())} entries; "
                f"{self.describe_remedy()}"
            ) from None
        except BrokenFileError as error:
            raise BrokenFileError(
                f"{error} Delete the file, then {self.describe_remedy()}"
            ) from error

    def save_manifest(self) -> None:
        """Write the manifest with the current number of entries."""
        self.manifest["num_entries"] = self.count_entries()
        write_json(self.folder / MANIFEST, self.manifest)

    def count_entries(self) -> int:
        """Return the number of entries, for the manifest."""
        return len(self.keys())

    def describe_remedy(self) -> str:
        """Return the end of an error: the command that makes missing entries."""
        commands = [s["command"] for s in self.manifest["sources"] if "command" in s]
        return f"make what is missing with: {commands[-1]}" if commands else "make it again."

    def _check(self, kind: str, settings: Mapping[str, Any], exact: bool) -> None:
        if self.manifest["kind"] != kind:
            raise ValueError(
                f"{self.folder} must hold {kind}, but its manifest says {self.manifest['kind']}. "
                "Choose another folder."
            )
        differences = differing_settings(self.manifest["settings"], settings, exact)
        if differences:
            raise ValueError(
                f"{self.folder} has other settings than requested: {'; '.join(differences)}. "
                "Choose another folder, request its settings, or delete it and make it again."
            )


def _is_entry(file: "os.DirEntry[str]") -> bool:
    if file.name == MANIFEST or file.name.startswith("."):
        return False
    try:
        return file.is_file() and file.stat().st_size > 0
    except OSError:  # a link to nothing, or to itself
        return False
