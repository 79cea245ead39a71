"""The content of a stamp, and its check: stamps are not trusted."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.experiments.fingerprints import Fingerprint
from perception_kd.experiments.folders import Folders
from perception_kd.utils.checks import is_finite

# Increased when older stamps cannot be read.
FORMAT = 2
_KINDS = {"settings": dict, "found": bool, "done": bool, "files": dict}
_TEXTS = ("hash", "owner", "ended")


class StampError(ValueError):
    """A stamp cannot be used, and its stage has to run again."""


class Stamp(NamedTuple):
    """Record of a stage that has been started.

    Attributes:
        settings: Settings it was started with.
        seconds: Wall time of all runs since, in s.
        found: Whether files that the stage writes existed before its first run.
        done: Whether it has succeeded.
        files: Fingerprints of its output files by name; see :class:`~.folders.Folders`.
        hash: Hash of all of them.
        owner: Text of the file that marks a data root as made by this stage.
        ended: Time of its end, as ISO 8601.
    """

    settings: dict[str, Any]
    seconds: float
    found: bool
    done: bool = False
    files: dict[str, Fingerprint] = {}  # noqa: RUF012 - never changed
    hash: str = ""
    owner: str = ""
    ended: str = ""


def parse_stamp(path: Path, folders: Folders) -> Stamp:
    """Read a stamp.

    Args:
        path: Its file.
        folders: The folders that it may name files of.

    Raises:
        StampError: If it is damaged, of another version, or names other files.
    """
    if not path.is_file():  # opening a pipe would wait for its writer
        raise StampError(f"its stamp {path} is damaged")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StampError(f"its stamp {path} is damaged") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StampError(f"its stamp {path} is of another version")
    seconds, files = content.get("seconds"), content.get("files")
    has_types = all(isinstance(content.get(key), kind) for key, kind in _KINDS.items())
    has_texts = all(isinstance(content.get(key), str) for key in _TEXTS)
    has_time = is_finite(seconds) and seconds >= 0
    if not (has_types and has_texts and has_time) or not isinstance(files, dict):
        raise StampError(f"its stamp {path} is damaged")
    parsed = {name: Fingerprint.parse(row) for name, row in files.items()}
    if any(folders.find(name) is None for name in parsed):
        raise StampError(f"its stamp {path} names files outside of its folders")
    whole = {name: f for name, f in parsed.items() if f is not None}
    if len(whole) < len(parsed) or (content["done"] and not whole):
        raise StampError(f"its stamp {path} is damaged")
    fields = {key: content[key] for key in Stamp._fields if key != "files"}
    return Stamp(files=whole, **fields)
