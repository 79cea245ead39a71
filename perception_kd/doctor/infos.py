"""Checks of info files as a whole: can be read, have samples, share no scene."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.doctor.finding import Finding, Level
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.io.info_file import read_info
from perception_kd.structures import InfoEntry

_AREA = "info file"
_REMAKE = "make the info files again with tools/create_data.py"
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


@dataclass(frozen=True)
class InfoSource:
    """An info file and the folders of its data.

    Attributes:
        path: The file.
        data_root: Folder of the data set.
        info_root: Folder of caches.
    """

    path: Path
    data_root: Path
    info_root: Path


@dataclass(frozen=True)
class Info:
    """An info file that could be read.

    Attributes:
        source: The file and its folders.
        metainfo: Its head.
        samples: Its entries.
    """

    source: InfoSource
    metainfo: dict[str, Any]
    samples: list[InfoEntry]

    @property
    def scenes(self) -> list[str]:
        """Names of the scenes, in the order of the file."""
        return list(dict.fromkeys(str(sample.get("scene_name")) for sample in self.samples))


def list_info_sources(
    root: Path | None, infos: Sequence[Path] | None, cfg: Config | None
) -> list[InfoSource]:
    """Return the info files that the options or the config name.

    Args:
        root: Folder of the data set; None takes the config's, or that of the file.
        infos: Info files; None takes those of the config, else those in ``root``.
        cfg: Config of the run, with its data folders set.
    """
    of_config = list(dict.fromkeys(_sources_of(cfg))) if cfg is not None else []
    if infos is None and of_config:
        return of_config
    if infos is None:
        infos = sorted(root.glob("*_infos_*.pkl")) if root is not None else []
    default = of_config[0].data_root if of_config else None
    return [InfoSource(path, root or default or path.parent, path.parent) for path in infos]


def _sources_of(cfg: Config) -> Iterator[InfoSource]:
    for loader in _LOADERS:
        for settings in walk_settings(cfg.get(loader)):
            if "ann_file" in settings and "data_root" in settings:
                data_root = Path(settings["data_root"])
                info_root = Path(settings.get("info_root") or data_root)
                yield InfoSource(info_root / settings["ann_file"], data_root, info_root)


def read_source(source: InfoSource) -> Info | Finding:
    """Return the content of an info file, or why it cannot be used."""
    where = str(source.path)
    if not source.data_root.is_dir():
        what = f"There is no folder of the data set at {source.data_root}."
        return Finding(Level.ERROR, _AREA, what, where, "give it as --root")
    try:
        content = read_info(source.path)
    except (OSError, ValueError) as error:
        return Finding(Level.ERROR, _AREA, str(error), where)
    if not content["data_list"]:
        return Finding(Level.ERROR, _AREA, "It has no samples.", where, _REMAKE)
    return Info(source, content["metainfo"], content["data_list"])


def describe_info(info: Info) -> Finding:
    """Return the finding on what an info file holds."""
    head = info.metainfo
    what = (
        f"{head.get('dataset')} {head.get('version')}: {_count(len(info.samples), 'sample')} of "
        f"{_count(len(info.scenes), 'scene')}, schema {head.get('schema_version')}."
    )
    return Finding(Level.OK, _AREA, what, str(info.source.path))


def check_splits(infos: Sequence[Info]) -> Iterator[Finding]:
    """Yield findings on samples that occur twice, and scenes in two files.

    Args:
        infos: Info files of one data set, one per split.
    """
    for info in infos:
        tokens = [str(sample.get("token")) for sample in info.samples]
        twice = sorted({token for token in tokens if tokens.count(token) > 1} if tokens else ())
        if len(set(tokens)) < len(tokens):
            number = len(tokens) - len(set(tokens))
            verb = "occurs" if number == 1 else "occur"
            what = f"{_count(number, 'sample')} {verb} twice, such as {twice[0]}."
            where = f"{info.source.path}, token"
            yield Finding(Level.ERROR, _AREA, what, where, _REMAKE, len(twice), tuple(twice[:20]))
    shared = [
        (first, second, scenes)
        for first, second in combinations(infos, 2)
        if (scenes := sorted(set(first.scenes) & set(second.scenes)))
    ]
    for first, second, scenes in shared:
        what = (
            f"{_count(len(scenes), 'scene')} {'is' if len(scenes) == 1 else 'are'} in both "
            f"{first.source.path.name} and {second.source.path.name}, such as {scenes[0]}: "
            "scores would be of training data."
        )
        where = f"{second.source.path}, scene_name"
        remedy = "make info files of splits without common scenes"
        yield Finding(Level.ERROR, _AREA, what, where, remedy, len(scenes), tuple(scenes[:20]))
    if len(infos) > 1 and not shared:
        yield Finding(Level.OK, _AREA, f"The {len(infos)} info files have no scene in common.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
