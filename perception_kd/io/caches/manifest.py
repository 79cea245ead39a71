"""Manifests of cache folders: the settings and sources of their entries."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from perception_kd.io.bounded import read_bounded
from perception_kd.version import __version__

_SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


def hash_settings(settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of settings; the order of their names does not matter."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_manifest(kind: str, settings: Mapping[str, Any], extension: str) -> dict[str, Any]:
    """Return the manifest of a cache without entries.

    Args:
        kind: Kind of the entries, such as ``superpixels``.
        settings: All that decides what an entry holds, as JSON types.
        extension: Extension of the files, such as ``.png``.
    """
    return {
        "schema_version": _SCHEMA_VERSION,
        "kind": kind,
        "extension": extension,
        "settings": dict(settings),
        "settings_hash": hash_settings(settings),
        "package_version": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "num_entries": 0,
        "sources": [],
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a cache.

    Args:
        folder: Folder of the cache.

    Raises:
        ValueError: If the manifest is broken, of another schema, or was edited.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(read_bounded(path, "manifest", "make the cache again."))
        version, settings = manifest["schema_version"], manifest["settings"]
        intact = manifest["settings_hash"] == hash_settings(settings)
        _check_fields(manifest)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not the manifest of a cache: {_describe(error)}. Delete the folder and "
            "make it again."
        ) from error
    if version != _SCHEMA_VERSION:
        raise ValueError(
            f"{path} must have schema_version {_SCHEMA_VERSION}, but got {version}. Delete the "
            "folder and make it again."
        )
    if not intact:
        raise ValueError(
            f"The settings in {path} do not match their settings_hash: they were edited. Restore "
            "them, or delete the folder and make it again."
        )
    return manifest


def _check_fields(manifest: dict[str, Any]) -> None:
    """Check the fields that readers and writers of a cache use.

    Raises:
        KeyError: If a field is missing.
        ValueError: If a field has another type, or the extension could lead elsewhere.
    """
    for name, kind in (("kind", str), ("extension", str), ("settings", dict), ("sources", list)):
        if not isinstance(manifest[name], kind):
            raise ValueError(f"{name} must be a {kind.__name__}, but is {manifest[name]!r:.60}")
    if not _EXTENSION.fullmatch(manifest["extension"]):
        raise ValueError(f"extension must be like .png, but is {manifest['extension']!r:.60}")
    for source in manifest["sources"]:
        command = source.get("command", "") if isinstance(source, dict) else None
        # Messages ask users to run it.
        if not isinstance(command, str) or not command.isprintable():
            raise ValueError("sources must be dicts with a command in one line")


def _describe(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)[:200].rstrip(".")


def differing_settings(made: Mapping[str, Any], asked: Mapping[str, Any], exact: bool) -> list[str]:
    """Return one sentence for each setting that differs.

    Args:
        made: Settings of the cache.
        asked: Requested settings.
        exact: Whether settings that are not requested are differences, too.
    """
    names = sorted({*made, *asked} if exact else asked)
    return [
        f"{name} is {made.get(name)!r}, not {asked.get(name)!r}"
        for name in names
        if made.get(name) != asked.get(name)
    ]


def check_empty(folder: Path) -> None:
    """Refuse a folder that has files, but no manifest.

    Raises:
        ValueError: If the folder has files.
    """
    if folder.is_dir() and any(not f.name.startswith(".") for f in folder.iterdir()):
        raise ValueError(
            f"{folder} has files and no {MANIFEST}, so the settings of the files are unknown. "
            "Choose another folder or delete it."
        )


def name_others(folder: Path, kind: str) -> str:
    """Return the part of an error that names the caches of a kind beside a folder."""
    others = []
    for path in sorted(folder.parent.glob(f"*/{MANIFEST}")):
        with contextlib.suppress(ValueError):
            if read_manifest(path.parent)["kind"] == kind:
                others.append(str(path.parent))
    return f"or use one that exists: {', '.join(others)}." if others else "or give another folder."
