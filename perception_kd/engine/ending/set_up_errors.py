"""Errors that settings of a run have caused, in one line."""

import traceback
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

# Where mmengine calls the class that a config names.
_BUILDER = ("mmengine/registry/build_functions.py", "build_from_cfg")
# Where steps begin: what fails below is no longer part of setting up.
_LOOPS = (
    "mmengine/runner/loops.py",
    "perception_kd/engine/run/train_loops.py",
    "perception_kd/engine/run/replay.py",
)
_STEPS = ("run", "run_epoch", "run_iter", "replay_step")
# What is called inside of them before the first step.
_RUNNER = ("mmengine/runner/runner.py", "call_hook")
_FIRST_HOOKS = ("before_run", "before_train", "before_val", "before_test")
_BEGIN = ("perception_kd/engine/run/train_loops.py", "_begin")
_MAX_LENGTH = 300


def explain_set_up(error: BaseException, *, runs_config: bool) -> str | None:
    """Describe an error that settings of a run have caused; return None for others.

    Hooks before the first step, and what starts to load data, belong to setting up.

    Args:
        error: The error, as it was caught.
        runs_config: Whether the tool runs a config: then whatever fails before the
            first step counts; else what a part of a config says that cannot be built.
    """
    frames = list(_frames(error.__traceback__))
    if any(map(_is_step, frames)) and not any(map(_is_before_steps, frames)):
        return None
    builders = [frame for frame in frames if _is_at(frame, *_BUILDER)]
    if not builders and not runs_config:
        return None
    reason = _describe(error)
    if not builders:
        return f"The run cannot be set up: {reason}. Check the config and --cfg-options."
    name = _name_part(builders[-1].f_locals)
    return (
        f"A part of the config cannot be built: {name}{reason}. Correct its type or its settings."
    )


def _describe(error: BaseException) -> str:
    """Return the first line of an error, or the statement that failed without one."""
    lines = str(error.args[0] if isinstance(error, KeyError) and error.args else error).split("\n")
    text = lines[0].split(" Please check")[0].strip().rstrip(".")
    last = traceback.extract_tb(error.__traceback__)[-1:]
    if not text and last:
        text = str(last[0].line)
    named = isinstance(error, ValueError | RuntimeError) and text
    kind = "" if named else f"{type(error).__name__}: "
    return f"{kind}{text}"[:_MAX_LENGTH]


def _name_part(variables: dict[str, Any]) -> str:
    """Return the class that was being built, with a colon; empty if unknown."""
    name = getattr(variables.get("obj_cls"), "__name__", "")
    return f"{name}: " if name else ""


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_step(frame: FrameType) -> bool:
    return any(_is_at(frame, path, name) for path in _LOOPS for name in _STEPS)


def _is_before_steps(frame: FrameType) -> bool:
    if _is_at(frame, *_RUNNER):
        return frame.f_locals.get("fn_name") in _FIRST_HOOKS
    return _is_at(frame, *_BEGIN)


def _is_at(frame: FrameType, path: str, name: str) -> bool:
    return frame.f_code.co_name == name and frame.f_code.co_filename.endswith(path)
