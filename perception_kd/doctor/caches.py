"""Checks of caches against their manifests and against the samples of info files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.stored_views import view_key
from perception_kd.datasets.transforms.cached import CachedTransform
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.infos import Info
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.rows import RowCache
from perception_kd.regions.codec import REGIONS
from perception_kd.registry import TRANSFORMS
from perception_kd.superpixels.codec import SUPERPIXELS

_AREA = "cache"


def open_caches(infos: Sequence[Info], cfg: Config | None) -> tuple[list[Cache], list[Finding]]:
    """Open the caches that a config reads, or else all beside the info files.

    Returns:
        Those that can be opened, and a finding for each that cannot.
    """
    roots = list(dict.fromkeys(info.source.info_root for info in infos))
    if cfg is not None:
        return _open_those_of(cfg, roots)
    caches, findings = [], []
    for root in roots:
        for kind in (SUPERPIXELS, REGIONS):
            for folder in sorted((root / kind).glob("*/")):
                try:
                    caches.append(Cache.open(folder, kind))
                except (OSError, ValueError) as error:
                    findings.append(Finding(Level.ERROR, _AREA, str(error), str(folder)))
    return caches, findings


def _open_those_of(cfg: Config, roots: Sequence[Path]) -> tuple[list[Cache], list[Finding]]:
    init_default_scope(cfg.get("default_scope", "mmengine"))
    caches: dict[str, Cache] = {}
    findings: dict[str, Finding] = {}
    for step in _cached_steps(cfg):
        for root in roots:
            where = str(root / step["cache"])
            try:
                transform: CachedTransform = TRANSFORMS.build(step)
                caches[where] = transform.open_cache({"info_root": str(root)})
            except (OSError, ValueError, TypeError) as error:
                findings[where] = Finding(Level.ERROR, _AREA, str(error), where)
    return list(caches.values()), list(findings.values())


def _cached_steps(cfg: Config) -> list[dict[str, Any]]:
    """Return the steps of a config's pipelines that read a cache."""
    loaders = [cfg.get(f"{split}_dataloader") for split in ("train", "val", "test")]
    steps = [s for s in walk_settings(loaders) if isinstance(s.get("cache"), str) and "type" in s]
    return [step for i, step in enumerate(steps) if step not in steps[:i]]


def check_cache(
    cache: Cache, infos: Sequence[Info], cameras: Sequence[str] | None = None
) -> Iterator[Finding]:
    """Yield findings on the entries of a cache, by their names and sizes.

    Args:
        cache: An opened cache.
        infos: Info files beside it.
        cameras: Cameras whose images need an entry; None means all.
    """
    if isinstance(cache, RowCache):
        yield _check_rows(cache, infos, cameras)
        return
    where = str(cache.folder)
    keys, empty = cache.keys(), _list_empty(cache)
    sources = cache.manifest.get("sources") or [{}]
    command = sources[-1].get("command", "make the cache again")
    if empty:
        what = f"{len(empty)} entries are empty, such as {empty[0]}."
        yield Finding(Level.ERROR, _AREA, what, where, command, len(empty), tuple(empty[:20]))
    counted = cache.manifest.get("num_entries")
    if counted != len(keys):
        what = f"The manifest counts {counted} entries, but there are {len(keys)}."
        yield Finding(
            Level.WARNING,
            _AREA,
            what,
            f"{where}/manifest.json, num_entries",
            f"run again: {command}",
        )
    wanted = _wanted_keys(cache.manifest["kind"], infos, cameras)
    for name, tokens in wanted.items():
        missing = [token for token in tokens if token not in keys]
        if missing:
            # A cache may be made for some cameras alone.
            is_left_out = cameras is None and len(missing) == len(tokens) and bool(keys)
            yield Finding(
                Level.WARNING if is_left_out else Level.ERROR,
                _AREA,
                f"{len(missing)} of {len(tokens)} entries of {name} are missing, such as "
                f"{missing[0]}.",
                where,
                f"make them: {command}",
                len(missing),
                tuple(missing[:20]),
            )
    if keys and not any(token in keys for tokens in wanted.values() for token in tokens):
        what = "It has no entry of any sample: it belongs to another data set."
        yield Finding(Level.ERROR, _AREA, what, where, "make a cache of this data set")
    unknown = keys.difference(*wanted.values())
    total = sum(map(len, wanted.values()))
    what = f"{len(keys)} entries for {total} inputs, {len(unknown)} of them of no sample here."
    yield Finding(Level.OK, _AREA, what, where)


def _check_rows(cache: RowCache, infos: Sequence[Info], cameras: Sequence[str] | None) -> Finding:
    """Return what a cache of a teacher lacks; it may be of some splits alone."""
    tokens = [
        token
        for of_camera in _wanted_keys(cache.manifest["kind"], infos, cameras).values()
        for token in of_camera
    ]
    missing = [
        token
        for token in tokens
        if view_key(token, 0) not in cache and view_key(token, None) not in cache
    ]
    where = str(cache.folder)
    if not missing:
        return Finding(Level.OK, _AREA, f"{len(cache)} views of {len(tokens)} images.", where)
    return Finding(
        Level.ERROR if len(missing) == len(tokens) else Level.WARNING,
        _AREA,
        f"{len(missing)} of {len(tokens)} images have no features, such as {missing[0]}.",
        where,
        cache.describe_remedy(),
        len(missing),
        tuple(missing[:20]),
    )


def _wanted_keys(
    kind: str, infos: Sequence[Info], cameras: Sequence[str] | None
) -> Mapping[str, list[str]]:
    """Return the keys of all entries that a cache should have, by camera."""
    wanted: dict[str, list[str]] = {}
    for info in infos:
        for sample in info.samples:
            if kind == REGIONS:
                wanted.setdefault("sweeps", []).append(str(sample.get("token")))
                continue
            for name, view in (sample.get("images") or {}).items():
                if cameras is None or name in cameras:
                    wanted.setdefault(name, []).append(str(view.get("sample_data_token")))
    return wanted


def _list_empty(cache: Cache) -> list[str]:
    extension = cache.manifest["extension"]
    with os.scandir(cache.folder) as files:
        return sorted(
            file.name
            for file in files
            if file.name.endswith(extension)
            and not file.name.startswith(".")
            and not file.stat().st_size
        )
