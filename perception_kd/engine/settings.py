"""Ways through nested settings."""

from collections.abc import Iterator
from typing import Any


def walk_settings(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict of nested settings, outermost first.

    Args:
        settings: Dicts, lists and tuples in each other; anything else holds no dicts.

    Example:
        >>> [list(each) for each in walk_settings({"a": [{"b": 1}], "c": 2})]
        [['a', 'c'], ['b']]
    """
    if isinstance(settings, dict):
        yield settings
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for value in settings:
            yield from walk_settings(value)
