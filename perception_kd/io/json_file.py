"""JSON files whose damage is named with its place."""

import json
from pathlib import Path
from typing import Any

from perception_kd.io.errors import BrokenFileError


def read_json(path: str | Path, remedy: str) -> Any:
    """Read a JSON file.

    Args:
        path: The file, in UTF-8 with or without a byte-order mark.
        remedy: Sentence that says what to do if it is damaged.

    Returns:
        JSON types.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is not JSON; names line and column.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f", line {error.lineno}, column {error.colno}: {error.msg}"
    except (UnicodeDecodeError, RecursionError) as error:
        place = f": {error}"
    except ValueError:
        place = ": a number has too many digits"
    raise BrokenFileError(f"{path} is not JSON{place}. {remedy}")
