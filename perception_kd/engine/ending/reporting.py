"""Report an error that ends a tool as one line, with the option to blame."""

import argparse
import os
import re
import sys
import traceback

from perception_kd.engine.ending.explaining import explain_error
from perception_kd.engine.ending.lost_workers import find_killed_worker
from perception_kd.engine.ending.set_up_errors import explain_set_up

_BUG = (
    "error: the lines above are a bug of perception_kd, unless a config or code of your own has "
    "caused it: please report them, with the command, as SECURITY.md and README.md say."
)
# Set to anything, it shows the traceback of every error.
_TRACEBACK = "PERCEPTION_KD_TRACEBACK"


def report_error(error: Exception, args: argparse.Namespace) -> int:
    """Write the error that ended a tool to standard error.

    Args:
        error: Shown as one line if it is one of the user's, else with its traceback and
            the request to report it.
        args: Options of the tool, as far as they have been parsed.

    Returns:
        Exit status: 2 for an error of the user, 1 for another.
    """
    error = find_killed_worker(error)
    message = (
        explain_error(error, _written_folder(args))
        or explain_option(error, args)
        or explain_set_up(error, runs_config=hasattr(args, "cfg_options"))
    )
    if message is None or _TRACEBACK in os.environ:
        traceback.print_exception(error)
    if message is None:
        sys.stderr.write(f"{_BUG}\n")
        return 1
    sys.stderr.write(f"error{_name_process()}: {message}\n")
    return 2


def _written_folder(args: argparse.Namespace) -> str | None:
    """Return the folder that a tool writes to, as far as its options name it."""
    given = (getattr(args, name, None) for name in ("work_dir", "out_dir", "root"))
    return next((str(folder) for folder in given if folder), None)


def _name_process() -> str:
    """Return the rank of this process as text; empty for a single process."""
    rank, count = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return f" (process {rank} of {count})" if count not in ("", "1") else ""


def explain_option(error: BaseException, args: argparse.Namespace) -> str | None:
    """Name the option that passed a class an argument that it does not have.

    Args:
        error: Python's error of such an argument; others are not explained.
        args: Parsed options, with ``cfg_options`` for a tool that has them.

    Returns:
        One line, or None if no option has the name of the argument.
    """
    refused = re.search(
        r"\S* got (?:an unexpected|multiple values for) keyword argument '(\w+)'", str(error)
    )
    if not isinstance(error, TypeError) or refused is None:
        return None
    options = getattr(args, "cfg_options", None) or {}
    names = [name for name in options if name.split(".")[-1] == refused[1]]
    return f"--cfg-options {names[0]}: {refused[0]}." if names else None
