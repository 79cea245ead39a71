"""Options of the jobs of a cluster: read from a command line, and checked for Ray."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.utils.checks import is_number
from perception_kd.utils.value_kinds import WHOLE, ValueKind

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]+|[+-]?[0-9]+\.")
_FINEST = 1e-4  # of Ray's amounts


def parse_executor_options(texts: Sequence[str]) -> dict[str, int | float | str]:
    """Return options by name, numbers as such.

    Args:
        texts: NAME=VALUE each.

    Raises:
        ValueError: If one has another form, or a name occurs twice.
    """
    options: dict[str, int | float | str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value:
            raise ValueError(f"--executor-options must be NAME=VALUE, but got {text!r}.")
        if name in options:
            raise ValueError(f"--executor-options has {name} twice; keep one.")
        options[name] = _parse(value)
    return options


def check_ray_options(options: Mapping[str, Any]) -> None:
    """Check what a task of Ray needs, before a cluster is asked.

    Args:
        options: Values by name.

    Raises:
        ValueError: If a name is unknown, or a value is not one that Ray takes.
    """
    for name, value in options.items():
        if name not in _RAY_OPTIONS:
            raise ValueError(
                f"--executor-options of ray must be {', '.join(_RAY_OPTIONS)}, but got {name}."
            )
        kind = _RAY_OPTIONS[name]
        if not kind.fits(value):
            raise ValueError(
                f"{name} of --executor-options must be {kind.words}, but got {value!r}."
            )


def _parse(text: str) -> int | float | str:
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _is_amount(value: Any) -> bool:
    return is_number(value) and math.isfinite(value) and (value == 0 or value >= _FINEST)


def _is_gpu_share(value: Any) -> bool:
    return _is_amount(value) and (value <= 1 or value == int(value))


_RAY_OPTIONS = {
    "num_cpus": ValueKind("a number of at least 0, such as 8", _is_amount),
    "num_gpus": ValueKind("a whole number, or a share of one GPU such as 0.5", _is_gpu_share),
    "memory": ValueKind(f"{WHOLE.words}, of bytes, such as 4000000000", WHOLE.fits),
}
