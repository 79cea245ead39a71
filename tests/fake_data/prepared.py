"""A data set with info files and the caches that a config reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from mmengine import Config

from perception_kd.doctor.smoke_data import cache_options, list_caches
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
        for cache, settings in list_caches([Config.fromfile(path)]).items():
            kind = cache.split("/")[0]
            infos = [str(path) for path in sorted(self._info_root.glob("*_infos_*.pkl"))]
            source = ["--info", *infos, "--data-root", str(self._root)]
            folder = self._info_root / cache
            command = [kind, *source, *cache_options(cache, settings)]
            self._make_once(folder, [*command, "--out-dir", str(folder), "--workers", "0"])
        folders = ["--data-root", str(self._root), "--info-root", str(self._info_root)]
        for step in dicts_of(Config.fromfile(path).get("train_dataloader", {})):
            if step.get("type") == "StoredCrops":
                command = ["teacher", "--config", str(path), *folders, "--workers", "0"]
                self._make_once(self._info_root / step["cache"], command)
        return folders

    def _make_once(self, target: Path, command: list[str]) -> None:
        done = target.with_name(f"{target.name}.done")
        with self._lock:
            if not done.exists():
                assert create_data.main(command) == 0
                done.touch()


def dicts_of(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield the dicts of a config at all depths."""
    if isinstance(settings, Config | dict):
        yield settings
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for child in settings:
            yield from dicts_of(child)
