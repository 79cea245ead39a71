"""Check a config in an output folder before it is run, since folders are copied."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.engine.config.text import parse_config_text


def check_written_config(path: Path, expected: Config) -> None:
    """Refuse a config that could run something else than what is written there.

    The classes that a config names are imported and called, so names and the structure
    must be those expected. Numbers are free, such as a length that was measured or a
    learning rate that was edited, and so are paths.

    Args:
        path: Config file, which is read as data.
        expected: The config that would be written now, of any length.

    Raises:
        ValueError: If it holds code, or a setting differs, which the message names.
    """
    found = parse_config_text(path.read_text(encoding="utf-8"), str(path))
    if name := _find_difference(found, expected.to_dict(), ""):
        raise ValueError(
            f"{path} differs in {name} from the config that would be written for this call, so it "
            f"is not run. To train with it nonetheless, run: python tools/train.py {path} "
            "--resume. To choose settings again, remove it."
        )


def _find_difference(found: Any, expected: Any, name: str) -> str | None:
    """Return the name of a setting that differs; None if all agree."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        if odd := found.keys() ^ expected.keys():
            return f"{name}.{min(map(str, odd))}".lstrip(".")
        pairs = [(found[key], value, f"{name}.{key}") for key, value in expected.items()]
    elif _is_list(expected) and _is_list(found):
        if len(found) != len(expected):
            return name.lstrip(".")
        pairs = [(*pair, name) for pair in zip(found, expected, strict=True)]
    else:
        return None if _agree(found, expected) else name.lstrip(".")
    differences = (_find_difference(*pair) for pair in pairs)
    return next((each for each in differences if each), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _agree(found: Any, expected: Any) -> bool:
    if all(isinstance(value, int | float | None) for value in (found, expected)):
        return True
    if all(isinstance(value, str) and "/" in value for value in (found, expected)):
        return True  # a path, which is no name of a class
    return type(found) is type(expected) and bool(found == expected)
