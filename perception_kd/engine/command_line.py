"""Options and one-line errors that the command-line tools share."""

import argparse
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# mmengine, torch and mmdet3d are imported in functions: --help must not wait for them.
if TYPE_CHECKING:
    from mmengine import Config

_PACKAGE = Path(__file__).parent.parent
_OWN_CODE = (_PACKAGE, _PACKAGE.parent / "tools")
# Raised for a path that cannot be read or written.
_PATH_ERRORS = (
    FileNotFoundError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
    PermissionError,
)
_LAUNCHERS = ("none", "pytorch", "slurm", "mpi")


class _OptionAction(argparse.Action):
    """Parse NAME=VALUE pairs as mmengine does; a pair without "=" is a usage error.

    An existing path is taken as it is; mmengine would remove its blanks and make a list
    of one with a comma.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        for value in values or ():
            if "=" not in value:
                parser.error(f"{option_string} needs NAME=VALUE, but got {value}")
        from mmengine.config import DictAction

        pairs = [value.partition("=")[::2] for value in values or ()]
        paths = {name: text for name, text in pairs if "/" in text and Path(text).exists()}
        others = [f"{name}={text}" for name, text in pairs if name not in paths]
        DictAction(self.option_strings, self.dest)(parser, namespace, others, option_string)
        getattr(namespace, self.dest).update(paths)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every tool that runs a config."""
    parser.add_argument("--work-dir", help="folder of results (default: work_dirs/CONFIG)")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--info-root",
        metavar="DIR",
        help="folder of info files and caches (default: the data root)",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=_OptionAction,
        metavar="NAME=VALUE",
        help='override settings of the config: train_cfg.max_epochs=5, a.b="[1,2]"',
    )
    parser.add_argument(
        "--launcher", choices=_LAUNCHERS, default="none", help="launcher of the processes"
    )


def prepare_config(args: argparse.Namespace, loader: str | None) -> "Config":
    """Read the config of a tool and apply the options of :func:`add_run_options`.

    Args:
        args: Parsed options, with ``config``.
        loader: Data loader whose folders must exist, such as "train_dataloader";
            None for a run without data.

    Returns:
        The config.

    Raises:
        FileNotFoundError: If the config or a data folder is missing.
        ValueError: If an option does not name a setting.
    """
    from perception_kd.engine.launch import check_data_folders, read_config
    from perception_kd.engine.overrides import set_data_folders

    cfg = read_config(args.config, args.cfg_options)
    cfg.work_dir = args.work_dir or cfg.work_dir
    cfg.launcher = args.launcher
    set_data_folders(cfg, args.data_root, args.info_root)
    if loader is not None:
        check_data_folders(cfg, loader)
    return cfg


def run_tool(command: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a tool and report user errors as one line on standard error.

    Returns:
        Exit status: 0, or 2 after such a line.
    """
    try:
        command(args)
    except Exception as error:
        message = explain_error(error) or explain_option(error, args)
        if message is None:
            raise
        sys.stderr.write(f"error: {message}\n")
        return 2
    return 0


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


def explain_error(error: BaseException) -> str | None:
    """Describe a user error in one line; return None for a bug.

    User errors are paths that cannot be read or written, and whatever this package and
    its tools refuse, here or in a worker process. Anything else needs its traceback.
    """
    if not isinstance(error, (*_PATH_ERRORS, ValueError, ImportError)):
        return None
    text = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    origin = frames[-1].filename if frames else ""
    if "DataLoader worker process" in text:
        origin = _last_file(text)
        text = re.split(r"^[\w.]*(?:Error|Exception): ", text, flags=re.MULTILINE)[-1]
    elif isinstance(remote := getattr(error.__cause__, "tb", None), str):  # of a worker process
        origin = _last_file(remote)
    ours = any(Path(origin).is_relative_to(folder) for folder in _OWN_CODE)
    return text.strip() if ours or isinstance(error, _PATH_ERRORS) else None


def _last_file(trace: str) -> str:
    """Return the file of the last frame in the text of a traceback."""
    return (re.findall(r'^  File "(.+?)", line', trace, re.MULTILINE) or [""])[-1]
