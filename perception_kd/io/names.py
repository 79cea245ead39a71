"""Names from files that become parts of paths."""

import re
from typing import Any

_MAX_CHARS = 200  # file systems allow 255, and endings and temporary names are added
# Hidden files are temporary ones.
_PLAIN = re.compile(rf"[A-Za-z0-9_+-][A-Za-z0-9._+-]{{0,{_MAX_CHARS - 1}}}")


def safe_name(value: Any, field: str) -> str:
    """Return a name that may become the name of a file or folder.

    Tokens and names of scenes come from files that anyone may have written. A path made
    of one must stay in its folder, on every file system.

    Args:
        value: The name.
        field: Where it was read, for the error: file, field and record.

    Returns:
        ``value``, unchanged.

    Raises:
        ValueError: If it is not a string of 1 to 200 of the characters ``A-Z``,
            ``a-z``, ``0-9`` and ``._+-``, or begins with a dot.
    """
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    text = repr(value)
    raise ValueError(
        f"{field} is {text if len(text) <= 80 else text[:77] + '...'}, which cannot name a file: "
        f"it must be 1 to {_MAX_CHARS} letters, digits and . _ + - and not begin with a dot; "
        "rename it wherever it occurs."
    )


def find_path_fault(value: Any) -> str:
    """Return why a value is not a path of a file in a data set; empty if it is one.

    Args:
        value: Path relative to the folder of the data set, with slashes.
    """
    if not isinstance(value, str) or not value or not value.isprintable():
        return "must be the path of a file"
    if value.startswith(("/", "~")) or "\\" in value or ".." in value.split("/"):
        return "must be a path within the folder of the data set, with slashes and without .."
    return ""
