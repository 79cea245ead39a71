"""A data set with info files and the caches that a config reads."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from mmengine import Config

from tools import create_data


class PreparedData:
    """A data set that tests share, with a folder of info files and caches.

    Several processes may use one folder; each part is created once, on first use.

    Args:
        root: Folder of the data set.
        info_root: Folder for info files and caches.
        command: Arguments of ``create_data.py`` that create the info files of ``root``.
    """

    def __init__(self, root: Path, info_root: Path, command: list[str]) -> None:
        self._root, self._info_root = root, info_root
        self._lock = FileLock(f"{info_root}.lock")
        self._make_once(
            info_root / "infos", [*command, "--root", str(root), "--out-dir", str(info_root)]
        )

    def options_for(self, path: Path) -> list[str]:
        """Return the options of ``train.py`` and ``test.py`` that name the folders.

        Missing caches that the config at ``path`` reads are created.
        """
        for cache, settings in sorted(caches_of(Config.fromfile(path)).items()):
            kind = cache.split("/")[0]
            infos = [str(path) for path in sorted(self._info_root.glob("*_infos_*.pkl"))]
            source = ["--info", *infos, "--data-root", str(self._root)]
            folder = self._info_root / cache
            command = [kind, *source, *CACHE_OPTIONS[kind](folder.name, settings)]
            self._make_once(folder, [*command, "--out-dir", str(folder), "--workers", "0"])
        return ["--data-root", str(self._root), "--info-root", str(self._info_root)]

    def _make_once(self, target: Path, command: list[str]) -> None:
        done = target.with_name(f"{target.name}.done")
        with self._lock:
            if not done.exists():
                assert create_data.main(command) == 0
                done.touch()


def _superpixel_options(name: str, settings: dict[str, Any]) -> list[str]:
    return ["--backend", name.split("_")[0], "--num-segments", str(settings["num_segments"])]


def _region_options(name: str, settings: dict[str, Any]) -> list[str]:
    given = [f"{key}={value}" for key, value in settings.items()]
    return ["--preview", "0", *(["--settings", *given] if given else [])]


# From the kind of cache (first folder of its name, and command that creates it) to a
# function from the rest of its name and the settings in the config to command options.
CACHE_OPTIONS: dict[str, Callable[[str, dict[str, Any]], list[str]]] = {
    "regions": _region_options,
    "superpixels": _superpixel_options,
}


def caches_of(settings: Any) -> dict[str, dict[str, Any]]:
    """Return the expected settings of each cache that a config's data loaders read."""
    loaders = [settings.get(f"{split}_dataloader") for split in ("train", "val", "test")]
    return {
        node["cache"]: dict(node.get("settings") or {})
        for node in dicts_of(loaders)
        if isinstance(node.get("cache"), str)
    }


def dicts_of(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield the dicts of a config at all depths."""
    if isinstance(settings, Config | dict):
        yield settings
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for child in settings:
            yield from dicts_of(child)
