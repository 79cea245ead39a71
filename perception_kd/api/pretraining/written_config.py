"""Read a config in an output folder without trusting it, since folders are copied."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.engine.config.text import parse_config_text


def read_written_config(path: Path, expected: Config) -> Config:
    """Read a config that could run nothing else than what is written there.

    The classes that a config names are imported and called, so names and the structure
    must be those expected. Numbers are free, such as a length that was measured or a
    learning rate that was edited. Paths are replaced, so that a copied folder uses its
    own files.

    Args:
        path: Config file, which is read as data.
        expected: The config that would be written now, of any length.

    Returns:
        The config with its numbers and the expected paths.

    Raises:
        ValueError: If it holds code, or a setting differs, which the message names.
    """
    found = parse_config_text(path.read_text(encoding="utf-8"), str(path))
    try:
        return Config(_merge(found, expected.to_dict(), ""))
    except _DifferenceError as difference:
        raise ValueError(
            f"{path} differs in {difference} from the config that would be written for this call, "
            f"so it is not run. To train with it nonetheless, run: python tools/train.py {path} "
            "--resume. To choose settings again, remove it."
        ) from None


class _DifferenceError(Exception):
    """A setting differs; its name is the message."""


def _merge(found: Any, expected: Any, name: str) -> Any:
    """Return what was found with expected paths."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        if odd := found.keys() ^ expected.keys():
            raise _DifferenceError(f"{name}.{min(map(str, odd))}".lstrip("."))
        return {key: _merge(found[key], expected[key], f"{name}.{key}") for key in found}
    if _is_list(expected) and _is_list(found) and len(found) == len(expected):
        pairs = zip(found, expected, strict=True)
        return type(expected)(_merge(*pair, name) for pair in pairs)
    if _are_numbers(found, expected):
        return found
    if _are_paths(found, expected):
        return expected
    if type(found) is type(expected) and found == expected:
        return found
    raise _DifferenceError(name.lstrip("."))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float | None) for value in values)


def _are_paths(*values: Any) -> bool:
    """Return whether they are paths, which are no names of classes."""
    return all(isinstance(value, str) and "/" in value for value in values)
