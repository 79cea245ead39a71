"""Record of the arguments, choices and finished steps of a pre-training."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perception_kd.api.pretraining.settings import STAGES, Choice
from perception_kd.checkpoints.folder import list_checkpoints
from perception_kd.io.atomic import write_json
from perception_kd.io.json_file import read_json
from perception_kd.io.names import find_path_fault
from perception_kd.utils.checks import is_number, is_whole

_NAME = "pretrain.json"
# Arguments that decide what the folder "data" holds.
_RIG = "rig"
_OF_DATA = ("data", "version", _RIG)
# Those that the first version did not write.
_NEWER = ("version", _RIG)
_REMEDY = "Remove it to start over, or choose another folder as out."


class PretrainRecord:
    """The file ``pretrain.json``.

    Args:
        out: Folder of the pre-training.
        arguments: Arguments that decide what is trained.

    Raises:
        BrokenFileError: If the file is damaged.
        ValueError: If the folder holds checkpoints of other arguments, or info files of
            other data.
    """

    def __init__(self, out: Path, arguments: dict[str, Any]) -> None:
        self.out = out
        self._path = out / _NAME
        self._content: dict[str, Any] = {"arguments": arguments, "choices": {}, "finished": {}}
        if not self._path.is_file():
            self._write()
            return
        content = read_json(self._path, _REMEDY)
        if not _is_record(content):
            raise ValueError(f"{self._path} is not the record of a pre-training. {_REMEDY}")
        before = {**arguments, **content["arguments"]}
        changed = [name for name in arguments if before[name] != arguments[name]]
        if changed and self._is_begun(changed):
            if changed == [_RIG]:
                raise ValueError(
                    f"The rig file has changed since {out / 'data'} was converted by it. {_REMEDY}"
                )
            listed = ", ".join(f"{name}={before[name]!r}" for name in changed if name != _RIG)
            raise ValueError(
                f"{out} was begun with {listed}; call it with these to continue, or choose another "
                "folder as out."
            )
        if changed:
            # Nothing was trained or made with them: choose again.
            for stage in content["choices"]:
                (out / f"{stage}.py").unlink(missing_ok=True)
            self._write()
            return
        self._content = {**content, "arguments": before}

    def _is_begun(self, changed: Sequence[str]) -> bool:
        """Return whether there is something that was made with changed arguments."""
        if not {*changed}.isdisjoint(_OF_DATA) and list((self.out / "data").rglob("*.pkl")):
            return True
        folders = [path for path in self.out.iterdir() if path.is_dir()]
        return any(list_checkpoints(folder) for folder in folders)

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments that decide what is trained."""
        return dict(self._content["arguments"])

    @property
    def stages(self) -> list[str]:
        """Finished stages, in order."""
        return list(self._content["finished"])

    def add_choices(self, stage: str, choices: Sequence[Choice]) -> None:
        """Note what was chosen for a stage."""
        self._content["choices"][stage] = [list(choice) for choice in choices]
        self._write()

    def choices(self, stage: str) -> list[Choice]:
        """Return the choices that were made for a stage."""
        return [Choice(*map(str, each)) for each in self._content["choices"].get(stage, [])]

    def is_finished(self, stage: str) -> bool:
        """Return whether a stage is done and its checkpoint is there."""
        return stage in self._content["finished"] and self.checkpoint(stage).is_file()

    def finish(self, stage: str, checkpoint: Path, seconds: float) -> None:
        """Note that a stage is done."""
        relative = str(checkpoint.relative_to(self.out))
        self._content["finished"][stage] = {"checkpoint": relative, "seconds": round(seconds)}
        self._write()

    def checkpoint(self, stage: str) -> Path:
        """Return the last checkpoint of a finished stage."""
        return self.out / str(self._content["finished"][stage]["checkpoint"])

    def seconds(self, stage: str) -> float:
        """Return the seconds that the last call trained a finished stage."""
        return float(self._content["finished"][stage]["seconds"])

    def _write(self) -> None:
        write_json(self._path, self._content)


def _is_record(content: Any) -> bool:
    """Return whether a file's content is a record, whose names stay in its folder."""
    if not isinstance(content, dict):
        return False
    parts = [content.get(name) for name in ("arguments", "choices", "finished")]
    if not all(isinstance(part, dict) for part in parts):
        return False
    if not _are_arguments(content["arguments"]):
        return False
    known = {*STAGES[content["arguments"]["method"]]}
    if not {*content["choices"], *content["finished"]} <= known:
        return False
    made = map(_are_choices, content["choices"].values())
    return all(made) and all(map(_is_result, content["finished"].values()))


def _are_arguments(found: dict[str, Any]) -> bool:
    texts = [found.get(name) for name in ("data", "method", "teacher")]
    texts += [found.get(name, "") for name in _NEWER]
    if not all(isinstance(text, str) for text in texts) or found["method"] not in STAGES:
        return False
    minutes, epochs = found.get("minutes", ""), found.get("epochs", "")
    has_length = is_whole(epochs) if minutes is None else is_number(minutes) and epochs is None
    return has_length and is_whole(found.get("seed"))


def _are_choices(rows: Any) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, list)
        and len(row) == len(Choice._fields)
        and all(isinstance(text, str) for text in row)
        for row in rows
    )


def _is_result(result: Any) -> bool:
    if not isinstance(result, dict) or find_path_fault(result.get("checkpoint")):
        return False
    seconds = result.get("seconds")
    return is_number(seconds) and math.isfinite(seconds) and seconds >= 0
