"""Command line of ``examples/``: the folders of a data set."""

import sys
from pathlib import Path
from types import TracebackType

from perception_kd.engine.commands.parser import ToolParser
from perception_kd.engine.ending.explaining import explain_error


def parse_folders(*needed: str) -> tuple[str, str]:
    """Parse the command line ``DATA_ROOT [INFO_ROOT]``.

    Args:
        needed: Files and folders that the folder of info files must have.

    Returns:
        The data root and the info root.

    Raises:
        SystemExit: With status 2 and one line, if a folder lacks what is needed.

    Later errors that a user can correct are shown in one line, too.
    """
    sys.excepthook = _show_error
    parser = ToolParser()
    parser.add_argument("data_root", metavar="DATA_ROOT", help="folder of the data set")
    parser.add_argument(
        "info_root",
        metavar="INFO_ROOT",
        nargs="?",
        help="folder of info files and caches (default: the data root)",
    )
    args = parser.parse_args()
    info_root = args.info_root or args.data_root
    if not Path(args.data_root).is_dir():
        _refuse(f"No folder at {args.data_root}; give the folder of the data set as DATA_ROOT.")
    for name in needed:
        if not Path(info_root, name).exists():
            _refuse(
                f"No {name} in {info_root}; create it with tools/create_data.py, or give the "
                "folder that has it as INFO_ROOT."
            )
    return args.data_root, info_root


def _show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    message = explain_error(error)
    if message is None:
        sys.__excepthook__(kind, error, trace)
    else:
        sys.stderr.write(f"error: {message}\n")


def _refuse(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(2)
