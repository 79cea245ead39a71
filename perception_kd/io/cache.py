"""Cache folders: files computed once, with a manifest of what made them.

```text
superpixels/fast_150/
  manifest.json           kind, settings and their hash, sources, number of entries
  <key>.png               one file an entry, complete or not there at all
```

A cache is only ever filled with one set of settings. Whoever opens it with others is
told what differs; a broken entry is named when it is read.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from perception_kd import __version__
from perception_kd.io.atomic import remove_leftovers, write_json, write_whole
from perception_kd.io.errors import BrokenFileError

SCHEMA_VERSION = 1
_MANIFEST = "manifest.json"
_SAFE_KEY = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")

T = TypeVar("T")


def hash_settings(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of settings, whatever the order of their names."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """One folder of files that were computed with the same settings.

    Made by :meth:`create` to be filled, by :meth:`open` to be read. What the files hold
    is up to the caller: entries are bytes here. Several processes may fill one cache.

    Attributes:
        folder: Where it is.
        manifest: What made it; ``manifest["settings"]`` are the settings.
    """

    def __init__(self, folder: str | Path, manifest: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.manifest = manifest

    @classmethod
    def create(
        cls,
        folder: str | Path,
        kind: str,
        settings: Mapping[str, Any],
        extension: str,
        source: Mapping[str, Any],
    ) -> "Cache":
        """Make a cache, or go on with one that has the same settings.

        Leftovers of interrupted writes are removed.

        Args:
            folder: Made if need be.
            kind: What the entries are, such as ``superpixels``.
            settings: All that decides what an entry holds, as JSON types.
            extension: Of the files, such as ``.png``.
            source: Where the entries come from: dataset, version, info file, the
                ``command`` that fills the cache. Kept for the reader of the manifest.

        Raises:
            ValueError: If the folder holds a cache of another kind or other settings,
                or files without a manifest.
        """
        folder = Path(folder)
        if (folder / _MANIFEST).is_file():
            cache = cls(folder, _read_manifest(folder))
            cache._check(kind, settings, exact=True)
        else:
            _check_empty(folder)
            cache = cls(folder, _make_manifest(kind, settings, extension))
        if dict(source) not in cache.manifest["sources"]:
            cache.manifest["sources"].append(dict(source))
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        cache.save_manifest()
        return cache

    @classmethod
    def open(
        cls, folder: str | Path, kind: str, settings: Mapping[str, Any] | None = None
    ) -> "Cache":
        """Open a cache to read from.

        Args:
            folder: Of the cache.
            kind: What the entries must be.
            settings: Settings that the cache must have been made with; those that are
                left out may be anything.

        Raises:
            FileNotFoundError: If there is no cache.
            ValueError: If it is of another kind, schema or settings.
        """
        folder = Path(folder)
        if not (folder / _MANIFEST).is_file():
            raise FileNotFoundError(
                f"No cache of {kind} at {folder}; make it with: python tools/create_data.py {kind} "
                f"--out-dir {folder} ..., or give the folder of one."
            )
        cache = cls(folder, _read_manifest(folder))
        cache._check(kind, settings or {}, exact=False)
        return cache

    def path(self, key: str) -> Path:
        """Return where the entry of a key is or would be.

        Raises:
            ValueError: If the key cannot be the name of a file.
        """
        if not _SAFE_KEY.fullmatch(key):
            raise ValueError(
                f"key must name a file, with letters, digits and . _ + - alone, but got {key!r}."
            )
        return self.folder / f"{key}{self.manifest['extension']}"

    def keys(self) -> set[str]:
        """Return the keys of all entries that are there and not empty."""
        extension = self.manifest["extension"]
        with os.scandir(self.folder) as files:
            return {
                file.name.removesuffix(extension)
                for file in files
                if file.name.endswith(extension) and _is_entry(file)
            }

    def write(self, key: str, data: bytes) -> None:
        """Write an entry: at once, or not at all."""
        write_whole(self.path(key), data)

    def read(self, key: str, decode: Callable[[bytes, Path], T]) -> T:
        """Read an entry.

        Args:
            key: Of the entry.
            decode: Turns its bytes into what is wanted; the path is for errors.

        Raises:
            FileNotFoundError: If there is no such entry.
            BrokenFileError: If the entry is empty or cannot be decoded.
        """
        path = self.path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"No {self.manifest['kind']} of {key} in {self.folder}, which has "
                f"{len(self.keys())} entries; {self._remedy()}"
            ) from None
        try:
            return decode(data, path)
        except BrokenFileError as error:
            raise BrokenFileError(f"{error} Delete the file, then {self._remedy()}") from error

    def save_manifest(self) -> None:
        """Write the manifest anew, with the number of entries as it is now."""
        self.manifest["num_entries"] = len(self.keys())
        write_json(self.folder / _MANIFEST, self.manifest)

    def _remedy(self) -> str:
        commands = [s["command"] for s in self.manifest["sources"] if "command" in s]
        return f"make what is missing with: {commands[-1]}" if commands else "make it again."

    def _check(self, kind: str, settings: Mapping[str, Any], exact: bool) -> None:
        if self.manifest["kind"] != kind:
            raise ValueError(
                f"{self.folder} must hold {kind}, but its manifest says {self.manifest['kind']}; "
                "give another folder."
            )
        differences = _compare(self.manifest["settings"], settings, exact)
        if differences:
            raise ValueError(
                f"{self.folder} must have been made with the settings asked for, but "
                f"{'; '.join(differences)}. Give another folder, ask for its settings, or delete "
                "it to make it again."
            )


def _make_manifest(kind: str, settings: Mapping[str, Any], extension: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "extension": extension,
        "settings": dict(settings),
        "settings_hash": hash_settings(settings),
        "package_version": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "num_entries": 0,
        "sources": [],
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text())
        version, settings = manifest["schema_version"], manifest["settings"]
        intact = manifest["settings_hash"] == hash_settings(settings)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be the manifest of a cache, but reading it failed: {error!r}. Delete the "
            "folder and make it again."
        ) from error
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"{path} must have schema_version {SCHEMA_VERSION}, but got {version}; delete the "
            "folder and make it again."
        )
    if not intact:
        raise ValueError(
            f"{path} must have settings that match their settings_hash, but they were edited; put "
            "them back, or delete the folder and make it again."
        )
    return manifest


def _compare(made: Mapping[str, Any], asked: Mapping[str, Any], exact: bool) -> list[str]:
    """Return one sentence for each setting that differs."""
    names = sorted({*made, *asked} if exact else asked)
    return [
        f"{name} is {made.get(name)!r} there and {asked.get(name)!r} here"
        for name in names
        if made.get(name) != asked.get(name)
    ]


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and any(not f.name.startswith(".") for f in folder.iterdir()):
        raise ValueError(
            f"{folder} must be empty or a cache, but it has files and no {_MANIFEST}, so nobody "
            "knows what made them; give another folder or delete it."
        )


def _is_entry(file: "os.DirEntry[str]") -> bool:
    return file.name != _MANIFEST and not file.name.startswith(".") and file.stat().st_size > 0
