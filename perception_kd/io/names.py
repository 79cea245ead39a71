"""Names from files that become parts of paths."""

from typing import Any

_MAX_BYTES = 200  # file systems allow 255, and endings and temporary names are added


def safe_name(value: Any, field: str) -> str:
    """Return a name that may become the name of a file or folder.

    Tokens and names of scenes come from files that anyone may have written. A path made
    of one must stay in its folder, and a word of a command or list must stay one word.

    Args:
        value: The name.
        field: Where it was read, for the error: file, field and record.

    Returns:
        ``value``, unchanged.

    Raises:
        ValueError: If it is not a string, is empty, too long, "." or "..", or has a
            slash, a backslash, a blank or a character that cannot be printed.
    """
    fault = _find_fault(value)
    if fault:
        raise ValueError(
            f"{field} must be a plain name, because files are named after it, but it is "
            f"{_shorten(value)}, which {fault}; rename it in all tables."
        )
    return str(value)


def _find_fault(value: Any) -> str:
    if not isinstance(value, str):
        return "is not a string"
    if not value:
        return "is empty"
    if value in (".", ".."):
        return "is a folder"
    if any(x in "/\\" for x in value):
        return "has a slash"
    if any(x.isspace() or not x.isprintable() for x in value):
        return "has a blank or a character that cannot be printed"
    if len(value.encode()) > _MAX_BYTES:
        return f"has more than {_MAX_BYTES} bytes"
    return ""


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
