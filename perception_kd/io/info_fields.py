"""Fields of the entries of an info file, read with errors that name them."""

import reprlib
from typing import Any

import numpy as np

from perception_kd.io.errors import FieldError
from perception_kd.io.names import safe_name
from perception_kd.structures import Array
from perception_kd.utils.checks import is_finite

_MAX_PIXELS = 2**16  # along an axis
_INTEGERS = (int, np.integer)
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def read_field(entry: Any, name: str, kind: type, where: str = "") -> Any:
    """Return a field of a dict.

    Args:
        entry: The dict.
        name: Its key.
        kind: Type of the value.
        where: Fields above, such as "images.", for the error.

    Raises:
        FieldError: If the field is missing or of another type.
    """
    if not isinstance(entry, dict):
        raise FieldError(f"{where.rstrip('.') or 'the entry'} must be a dict, but is {show(entry)}")
    if name not in entry:
        raise FieldError(f"{where}{name} is missing")
    value = entry[name]
    if not isinstance(value, kind):
        raise FieldError(f"{where}{name} must be a {kind.__name__}, but is {show(value)}")
    return value


def read_name(entry: Any, name: str, where: str = "") -> str:
    """Return a token, which names files of caches and of submissions.

    Raises:
        FieldError: If it is missing, or no file can have this name.
    """
    try:
        return safe_name(read_field(entry, name, str, where), f"{where}{name}")
    except FieldError:
        raise
    except ValueError as error:
        raise FieldError(str(error).rstrip(".")) from error


def read_path(entry: Any, name: str, where: str = "") -> str:
    """Return the path of a file.

    Raises:
        FieldError: If it is missing, empty or has a null byte.
    """
    path: str = read_field(entry, name, str, where)
    if not path or "\0" in path:
        raise FieldError(f"{where}{name} must be the path of a file, but is {show(path)}")
    return path


def read_number(entry: Any, name: str, where: str = "") -> float:
    """Return a finite number of an entry.

    Args:
        entry: Entry of an info file, or a part of it.
        name: Name of the field.
        where: Place of the entry, such as "images.CAM_FRONT.", for errors.

    Raises:
        FieldError: If it is missing, or text, NaN, infinite or above the largest float.
    """
    value = read_field(entry, name, object, where)
    if not is_finite(value):
        raise FieldError(f"{where}{name} must be a finite number, but is {show(value)}")
    return float(value)


def read_count(entry: Any, name: str, lowest: int, largest: int, where: str = "") -> int:
    """Return an integer of an entry.

    Args:
        entry: Entry of an info file, or a part of it.
        name: Name of the field.
        lowest: Smallest integer that is allowed.
        largest: Largest integer that is allowed.
        where: Place of the entry, for errors.

    Raises:
        FieldError: If it is missing, no integer or out of bounds.
    """
    value = read_field(entry, name, object, where)
    is_integer = isinstance(value, _INTEGERS) and not isinstance(value, bool)
    if not is_integer or not lowest <= value <= largest:
        raise FieldError(
            f"{where}{name} must be an integer in {lowest} .. {largest}, but is {show(value)}"
        )
    return int(value)


def read_matrix(entry: Any, name: str, shape: tuple[int, int], where: str = "") -> Array:
    """Return a matrix of an entry; its values are not checked.

    Args:
        entry: Entry of an info file, or a part of it.
        name: Name of the field.
        shape: Number of rows and columns.
        where: Place of the entry, for errors.

    Returns:
        Float64, of this shape.

    Raises:
        FieldError: If it is missing, or does not have numbers of this shape.
    """
    value = read_field(entry, name, object, where)
    try:
        matrix = np.array(value, float)
    except (TypeError, ValueError, OverflowError):
        matrix = np.zeros(0)
    if matrix.shape != shape:
        raise FieldError(
            f"{where}{name} must be {shape[0]}x{shape[1]} numbers, but is {show(value)}"
        )
    return matrix


def image_shape(view: Any, where: str = "") -> tuple[int, int] | None:
    """Return the height and width of an image in px, or None if they are not stored.

    Args:
        view: Entry of a camera in ``images`` of a sample.
        where: Fields above, such as "images.", for the error.

    Raises:
        FieldError: If they are not positive integers.
    """
    if "height" not in view and "width" not in view:
        return None
    height = read_count(view, "height", 1, _MAX_PIXELS, where)
    return height, read_count(view, "width", 1, _MAX_PIXELS, where)


def show(value: Any) -> str:
    """Return a short text of any value."""
    try:
        return _SHORT.repr(value).replace("\n", " ")[:80]
    except Exception:  # such as integers with more digits than Python writes
        return f"a {type(value).__name__}"
