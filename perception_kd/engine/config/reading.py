"""Run config files, with errors that name file and line."""

import ast
import math
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from mmengine import Config

_MAX_BYTES = 2**24
_SPLITS = ("train", "val", "test")


def load_config(path: Path) -> Config:
    """Run a config and its bases.

    Args:
        path: Config file that exists.

    Returns:
        The config, with ``model`` and a data loader.

    Raises:
        ValueError: If the file is not a config, cannot be run, or lacks either. The
            message names the file, which may be a base, and the line.
    """
    cfg = run_settings_file(path, "config")
    model = cfg.get("model")
    if not isinstance(model, dict) or "type" not in model:
        raise ValueError(f"The config {path} must define model as a dict with a type.")
    if not any(isinstance(cfg.get(f"{split}_dataloader"), dict) for split in _SPLITS):
        raise ValueError(f"The config {path} must define train_dataloader or test_dataloader.")
    _check_text(path, cfg.pretty_text)
    return cfg


def run_settings_file(path: Path, what: str) -> Config:
    """Run a Python file of settings and its bases.

    Args:
        path: File that exists.
        what: What it is called in errors.

    Raises:
        ValueError: If it is too large, cannot be run, ends the program, or a setting is
            NaN. The message names the file, which may be a base, and the line.
    """
    if path.suffix != ".py":
        raise ValueError(f"{path} is not a {what}: those are Python files; choose another one.")
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is a folder or too large for a {what}; choose another one.")
    try:
        cfg = Config.fromfile(path)
        # Formatted by yapf, its text takes half a second, six times in a training. The
        # argument of mmengine's fromfile has no effect.
        object.__setattr__(cfg, "_format_python_code", False)
        # Reading all settings runs the imports of a lazy config.
        nan = _find_nan({key: cfg[key] for key in cfg})
    except (Exception, SystemExit) as error:  # its code may raise anything
        raise ValueError(
            f"The {what} {_locate(path, error)} cannot be read: {_describe(error)}. Correct it, or "
            f"choose another {what}."
        ) from error
    if nan:
        raise ValueError(f"The {what} {path} has NaN as {nan}; give a number.")
    return cfg


def _check_text(path: Path, text: str) -> None:
    """Check that the config can be read back from the text that checkpoints hold.

    Raises:
        ValueError: If a value is an object that is not written as Python.
    """
    try:
        ast.parse(text)
    except SyntaxError as error:
        line = text.splitlines()[(error.lineno or 1) - 1].strip()
        raise ValueError(
            f"The config {path} has a value that cannot be written as Python: {line}; give "
            "numbers, texts, lists and dicts, and types by name."
        ) from error


def _find_nan(settings: Any, name: str = "") -> str:
    """Return the dotted name of a setting that is NaN; empty if there is none."""
    if isinstance(settings, float) and math.isnan(settings):
        return name
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(settings, dict):
        items = settings.items()
    elif isinstance(settings, list | tuple):
        items = enumerate(settings)
    found = (_find_nan(value, f"{name}.{key}" if name else str(key)) for key, value in items)
    return next(filter(None, found), "")


def _describe(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ["no message"]
    text = error.msg if isinstance(error, SyntaxError) else lines[0]
    return f"{type(error).__name__}: {text[:200].rstrip('.')}"


def _locate(path: Path, error: BaseException) -> str:
    """Return the file in which an error occurred, with the line if it is known."""
    files = [str(path.absolute()), *_files_being_read(error.__traceback__)]
    line = error.lineno if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in files:
            files.append(frame.filename)
            line = frame.lineno
    shown = str(path) if files[-1] == files[0] else files[-1]
    return shown if line is None else f"{shown}, line {line},"


def _files_being_read(trace: TracebackType | None) -> list[str]:
    """Return the configs that mmengine was reading, outermost first."""
    files = []
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_file2dict":
            files.append(str(Path(trace.tb_frame.f_locals["filename"]).absolute()))
        trace = trace.tb_next
    return files
