"""The config that a checkpoint holds, read without running it.

mmengine stores a config as the text of a Python file. Here it is parsed and not
executed, since a checkpoint may come from anywhere.
"""

import ast
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_NAMES = {"inf": math.inf, "nan": math.nan}
# How a setting is shown that only the other side has.
UNSET = "unset"
_MAX_CHARS = 60


class Difference(NamedTuple):
    """A setting that two configs do not have in common.

    Attributes:
        name: Its dotted name.
        stored: Its value in the checkpoint, or "unset".
        current: Its value in the config, or "unset".
    """

    name: str
    stored: Any
    current: Any

    def __str__(self) -> str:
        """Write the name and both values."""
        return f"{self.name}: checkpoint {_shorten(self.stored)}, config {_shorten(self.current)}"


def parse_config(text: str) -> dict[str, Any]:
    """Parse the text of a config that consists of assignments of plain values.

    Args:
        text: As ``pretty_text`` of mmengine's ``Config``.

    Returns:
        Name to value; tuples are lists, and what is not a plain value is its text.

    Raises:
        ValueError: If the text is not Python.
    """
    try:
        tree = ast.parse(text)
        return {
            target.id: _value(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"its config cannot be parsed ({type(error).__name__})") from error


def find_differences(stored: Any, current: Any, name: str = "") -> Iterator[Difference]:
    """Yield the settings in which two parsed configs differ, deepest names.

    Args:
        stored: Settings of the checkpoint.
        current: Settings of the run.
        name: Dotted name of both.
    """
    if isinstance(stored, Mapping) and isinstance(current, Mapping):
        for key in dict.fromkeys([*stored, *current]):
            inner = f"{name}.{key}" if name else str(key)
            yield from find_differences(stored.get(key, UNSET), current.get(key, UNSET), inner)
    elif isinstance(stored, list) and isinstance(current, list) and len(stored) == len(current):
        for number, (one, other) in enumerate(zip(stored, current, strict=True)):
            yield from find_differences(one, other, f"{name}.{number}")
    elif _or_none(stored) != _or_none(current):
        yield Difference(name, stored, current)


def _value(node: ast.expr) -> Any:
    """Return the plain value that an expression stands for."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values) if all(keys):
            return {
                str(_value(key)): _value(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {str(each.arg): _value(each.value) for each in keywords}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
    return ast.unparse(node)


def _or_none(value: Any) -> Any:
    """Return the value; None, mostly the default, stands also for no value."""
    return None if value == UNSET else value


def _shorten(value: Any) -> str:
    text = repr(value) if value != UNSET else UNSET
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 3]}..."
