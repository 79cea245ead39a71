"""Checks of arguments, with errors that name the expected and the actual value."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a float can hold a value; NaN, True and False are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return not math.isnan(value)
    except OverflowError:
        return False


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number, of Python or NumPy; True is not."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer above the largest float
        return False


def check_at_least(name: str, value: int, lowest: int) -> None:
    """Check that a number is not too small.

    Args:
        name: Name of the argument, for the error.
        value: The number.
        lowest: Smallest number that is allowed.

    Raises:
        ValueError: If it is below ``lowest``.
    """
    if value < lowest:
        raise ValueError(f"{name} must be at least {lowest}, but got {value}.")


def check_classes(name: str, classes: Sequence[str], expected: Sequence[str]) -> None:
    """Check that classes are the expected ones in their order.

    Labels are indices into the classes: in another order each means another class.

    Args:
        name: What has the classes, for the error.
        classes: Names to check.
        expected: Names as they must be.

    Raises:
        ValueError: If a name or the order differs, with the first difference.
    """
    if tuple(classes) == tuple(expected):
        return
    place = next((i for i, (c, e) in enumerate(zip(classes, expected, strict=False)) if c != e), -1)
    where = f", which differ first in {classes[place]} for {expected[place]}" if place >= 0 else ""
    raise ValueError(
        f"{name} must be {tuple(expected)} in this order, but got {tuple(classes)}{where}."
    )


def check_shape(name: str, array: Any, expected: Sequence[int | str]) -> None:
    """Check the shape of an array or tensor.

    Args:
        name: Name of the argument, for the error.
        array: Anything with a ``shape``.
        expected: One entry per axis: its size, or a letter that stands for any size.

    Raises:
        ValueError: If the number of axes or a size differs.

    Example:
        >>> import numpy as np
        >>> check_shape("points", np.zeros((2, 4)), ("N", 3))
        Traceback (most recent call last):
        ValueError: points must have shape (N, 3), but got (2, 4).
    """
    shape = tuple(array.shape)
    same_rank = len(shape) == len(expected)
    if same_rank and all(
        isinstance(e, str) or e == s for e, s in zip(expected, shape, strict=True)
    ):
        return
    letters = ", ".join(str(e) for e in expected) + ("," if len(expected) == 1 else "")
    raise ValueError(f"{name} must have shape ({letters}), but got {shape}.")
