"""Check the kind of values of ``--cfg-options``: number, text, switch, settings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def check_kinds(settings: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse values of another kind than those that they replace.

    Args:
        settings: The config as a dict.
        options: Dotted name to value.

    Raises:
        ValueError: If a text is to replace a number or a switch, or a plain value
            settings, or a value is NaN.
    """
    for name, value in options.items():
        current: Any = settings
        for part in name.split("."):
            if isinstance(current, Mapping):
                current = current.get(part)
            elif isinstance(current, Sequence) and part.isdigit() and int(part) < len(current):
                current = current[int(part)]
            else:
                current = None
        check_kind(name, value, current)


def check_kind(name: str, value: Any, current: Any) -> None:
    """Refuse a value of another kind than the one that it replaces.

    Args:
        name: Dotted name of the setting, for the error.
        value: The new value; None fits everywhere.
        current: The value in the config, or the default of the argument; None if there
            is none.

    Raises:
        ValueError: If the kinds differ.
    """
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"--cfg-options {name}: NaN is not a setting; give a number.")
    is_list = isinstance(value, list | tuple)
    if value is None or current is None or (is_list and not value):
        return
    if isinstance(current, Mapping) and not isinstance(value, Mapping):
        raise ValueError(
            f"--cfg-options {name}: it has settings of its own; give them one by one: "
            f"{name}.NAME=VALUE, or None to remove them all."
        )
    if _holds_settings(current) and not (is_list and all(isinstance(v, Mapping) for v in value)):
        raise ValueError(
            f"--cfg-options {name}: it is a list of settings; give them one by one: "
            f"{name}.0.NAME=VALUE, or [] to remove them all."
        )
    if isinstance(current, bool) and isinstance(value, str):
        raise ValueError(f"--cfg-options {name}: give True or False, not {value!r}.")
    if isinstance(current, int | float) and isinstance(value, str):
        raise ValueError(f"--cfg-options {name}: give a number (now {current}), not {value!r}.")


def _holds_settings(current: Any) -> bool:
    is_list = isinstance(current, list | tuple)
    return is_list and any(isinstance(each, Mapping) for each in current)
