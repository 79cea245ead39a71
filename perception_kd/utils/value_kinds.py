"""Kinds of values that a setting may have, in words and as a test."""

from collections.abc import Callable
from typing import Any, NamedTuple

from perception_kd.utils.checks import is_whole


class ValueKind(NamedTuple):
    """Values allowed for a setting.

    Attributes:
        words: What they are, for an error.
        fits: Whether a value is one of them.
        is_optional: Whether None is allowed, too.
    """

    words: str
    fits: Callable[[Any], bool]
    is_optional: bool = False


COUNT = ValueKind("a whole number of at least 1", lambda x: is_whole(x) and x >= 1)
WHOLE = ValueKind("a whole number of at least 0", lambda x: is_whole(x) and x >= 0)
