"""Reading of JSON tables record by record, without holding a whole table."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_CHUNK_CHARS = 1 << 20
_MAX_RECORD_CHARS = 1 << 22
_BETWEEN = (" ", "\n", "\r", "\t", ",")


def has_table(tables: Path, name: str) -> bool:
    """Return whether a folder of tables has a table."""
    return (tables / f"{name}.json").is_file()


def read_table(path: Path) -> list[Record]:
    """Return the records of a small table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As for :func:`read_records`.
    """
    return [record for record, _ in read_records(path)]


def read_records(
    path: Path, advance: Callable[[int], Any] = lambda size: None
) -> Iterator[tuple[Record, str]]:
    """Yield the records of a table and their text.

    Args:
        path: JSON list of objects in UTF-8, with or without a byte-order mark.
        advance: Called with the number of characters after each read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a list, is broken, or ends too early; the message
            has the number of the record.
    """
    try:
        yield from _read_records(path, advance)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 ({error.reason}); unpack it again."
        ) from error


def _read_records(path: Path, advance: Callable[[int], Any]) -> Iterator[tuple[Record, str]]:
    decoder, count = json.JSONDecoder(), 0
    with path.open(encoding="utf-8-sig") as file:
        text, position = file.read(_CHUNK_CHARS).lstrip(), 1
        advance(len(text))
        if not text.startswith("["):
            found = f"it starts with {text[:10]!r}" if text else "it is empty"
            raise ValueError(
                f"{path} must be a JSON list of records, but {found}; unpack it again."
            )
        while True:
            while text[position : position + 1] in _BETWEEN:
                position += 1
            if text[position : position + 1] == "]":
                _check_end(path, count, text[position + 1 :] + file.read(_CHUNK_CHARS))
                return
            try:
                record, end = decoder.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                text, position = text[position:], 0
                more = file.read(_CHUNK_CHARS)
                # Without a limit, a fault in the middle would read the rest of it.
                if not more or len(text) > _MAX_RECORD_CHARS:
                    raise ValueError(
                        f"{path} is broken or truncated in record {count} ({_reason(error)}); "
                        "unpack it again."
                    ) from error
                text += more
                advance(len(more))
            else:
                if not isinstance(record, dict):
                    raise ValueError(
                        f"{path} must be a JSON list of records, but record {count} is "
                        f"{text[position:end][:40]!r}; unpack it again."
                    )
                # Line breaks can only stand between the parts of a record.
                yield record, text[position:end].replace("\n", " ")
                position, count = end, count + 1


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else "a number has too many digits"


def _check_end(path: Path, count: int, rest: str) -> None:
    if rest.strip():
        raise ValueError(
            f"{path} must end after its list of {count} records, but {rest.strip()[:20]!r} "
            "follows; unpack it again."
        )
