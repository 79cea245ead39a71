"""The folder of a training: what it resumes from, and what may be overwritten."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine import Config
from mmengine.logging import print_log

from perception_kd.checkpoints.folder import POINTER, find_newest, list_checkpoints, read_steps
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.lock import lock_folder

_AUTO = "auto"


@contextmanager
def open_work_dir(
    cfg: Config, *, resume: str | None, overwrite: bool, is_main: bool = True
) -> Iterator[list[Path]]:
    """Keep other trainings out of a work dir, and decide what this one resumes from.

    Sets ``cfg.resume`` and ``cfg.load_from``.

    Args:
        cfg: Config of the training, with its ``work_dir``.
        resume: Checkpoint to resume from; "auto" is the newest whole one of the work
            dir, or the beginning if it has none yet; None is a new training, unless the
            config itself has ``resume``.
        overwrite: Whether a new training may replace the checkpoints of an earlier one,
            and a resumed one those that are newer than its own.
        is_main: Whether this is the process that writes.

    Yields:
        The checkpoints that this training replaces, for the caller to remove once it
        has been set up without an error.

    Raises:
        BlockingIOError: If another training uses the folder.
        FileNotFoundError: If the checkpoint to resume from does not exist.
        PermissionError: If the folder cannot be written to.
        ValueError: If checkpoints would be overwritten, or there are some to resume
            from, but no whole one.
    """
    if resume is None and cfg.get("resume"):
        resume = cfg.get("load_from") or _AUTO
    folder = Path(cfg.work_dir)
    if not is_main:
        _set_resume(cfg, _resolve(cfg, resume))
        yield []
        return
    make_writable_folder("--work-dir", folder)
    with lock_folder("--work-dir", folder):
        _refuse_non_files(cfg)
        found = _resolve(cfg, resume)
        # The newest one has none after it but broken ones.
        replaced = [] if found and resume == _AUTO else find_replaced(cfg, found)
        if replaced and not overwrite:
            raise ValueError(_refusal(folder, replaced, found))
        _set_resume(cfg, found)
        yield replaced


def checkpoint_folder(cfg: Config) -> Path:
    """Return the folder that a training writes its checkpoints to."""
    out_dir = _hook_settings(cfg).get("out_dir")
    work_dir = Path(cfg.work_dir)
    return Path(out_dir) / work_dir.absolute().name if out_dir else work_dir


def find_replaced(cfg: Config, resumed: Path | None) -> list[Path]:
    """List the checkpoints in a training's folder that it did not begin from.

    Args:
        cfg: Config of the training.
        resumed: Checkpoint that it resumes from; None if it starts over.

    Returns:
        All of the folder, if it starts over or from another folder; else those with
        more steps than ``resumed``.
    """
    paths = _list(cfg)
    if resumed is None or resumed.resolve() not in {path.resolve() for path in paths}:
        return paths
    steps = read_steps(resumed)
    return [path for path in paths if _steps_or_none(path) > steps]


def _resolve(cfg: Config, resume: str | None) -> Path | None:
    """Return the checkpoint to resume from; None to start over."""
    if resume is None:
        return None
    if resume != _AUTO:
        if not Path(resume).is_file():
            raise FileNotFoundError(f"--resume: no checkpoint at {resume}.")
        return Path(resume)
    paths = _list(cfg)
    newest = find_newest(paths)
    for line in newest.broken:
        print_log(f"--resume: skipped {line}", logger="current", level=logging.WARNING)
    folder = checkpoint_folder(cfg)
    if newest.path is None and (paths or (Path(cfg.work_dir) / POINTER).exists()):
        reasons = "; ".join(newest.broken) or f"{POINTER} is there, but no checkpoint"
        raise ValueError(
            f"--resume: {folder} has no whole checkpoint ({reasons}); restore one, or start over "
            "with --overwrite in place of --resume."
        )
    where = newest.path or f"the beginning, since {folder} has no checkpoint yet"
    print_log(f"--resume: from {where}", logger="current")
    return newest.path


def _refuse_non_files(cfg: Config) -> None:
    """Refuse folders that have the name of a file that a training writes."""
    for path in (*_list(cfg), Path(cfg.work_dir) / POINTER):
        if path.exists() and not path.is_file():
            raise ValueError(
                f"{path} has the name of a file that a training writes, but is not a file; move it "
                "away, or choose another --work-dir."
            )


def _set_resume(cfg: Config, found: Path | None) -> None:
    cfg.resume = found is not None
    if found is not None:
        cfg.load_from = str(found)


def _list(cfg: Config) -> list[Path]:
    return list_checkpoints(checkpoint_folder(cfg), _hook_settings(cfg).get("filename_tmpl"))


def _hook_settings(cfg: Config) -> dict[str, str]:
    settings: dict[str, str] = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    return settings


def _steps_or_none(path: Path) -> int:
    try:
        return read_steps(path)
    except (OSError, ValueError):
        return 0  # it is broken, so nothing is lost with it


def _refusal(folder: Path, replaced: list[Path], resumed: Path | None) -> str:
    names = ", ".join(path.name for path in replaced[:3])
    names += f" and {len(replaced) - 3} more" if len(replaced) > 3 else ""
    if resumed is None:
        return (
            f"{folder} already has checkpoints of a training ({names}); continue it by --resume, "
            "replace it by --overwrite, or choose another --work-dir."
        )
    return (
        f"--resume {resumed}: {folder} has other checkpoints ({names}), which this training would "
        "mix with its own; remove them by --overwrite, or choose another --work-dir."
    )
