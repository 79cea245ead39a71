"""Options and one-line errors that the command-line tools share."""

import argparse
import os
import re
import select
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.engine.ending.reporting import report_error
from perception_kd.engine.ending.stopping import AGAIN, Stopped, find_stop, stopped_by_signals
from perception_kd.utils.ending import find_advice

# mmengine, torch and mmdet3d are imported in functions: --help must not wait for them.
if TYPE_CHECKING:
    from mmengine import Config

# Text of a dict with names as keys; a pattern of file names has braces, too.
_DICT = re.compile(r"\{\s*['\"]?[A-Za-z_]\w*['\"]?\s*:|\bdict\(")
_BROKEN_PIPE = 128 + 13  # as shells report SIGPIPE
_TRACKERS = ("tensorboard", "wandb", "mlflow")
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
            if _DICT.search(value):
                parser.error(
                    f"{option_string} {value}: a value cannot be a dict; give its settings one by "
                    f"one: {value.partition('=')[0]}.NAME=VALUE"
                )
        from mmengine.config import DictAction

        pairs = [value.partition("=")[::2] for value in values or ()]
        paths = {name: text for name, text in pairs if "/" in text and Path(text).exists()}
        others = [f"{name}={text}" for name, text in pairs if name not in paths]
        action = DictAction(self.option_strings, self.dest)
        for other in others:
            try:
                action(parser, namespace, [other], option_string)
            except (AssertionError, ValueError) as error:
                parser.error(f"{option_string} {other}: {error}")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), **paths})


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every tool that runs a config."""
    parser.add_argument("--work-dir", help="folder of results (default: work_dirs/CONFIG)")
    add_config_options(parser)
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="classes of boxes or points, such as those of your own data (default: the config's)",
    )
    parser.add_argument(
        "--launcher", choices=_LAUNCHERS, default="none", help="launcher of the processes"
    )


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every tool that reads the data of a config."""
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--info-root",
        metavar="DIR",
        help="folder of info files and caches (default: the data root)",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="read the info files NAME_infos_train.pkl and NAME_infos_val.pkl; NAME is, for "
        "example, folder (default: those of the config)",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=_OptionAction,
        metavar="NAME=VALUE",
        help='override settings of the config: train_cfg.max_epochs=5, a.b="[1,2]"',
    )


def add_tracker_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of every tool that trains."""
    parser.add_argument(
        "--tracker",
        choices=_TRACKERS,
        help="tracker of the curves, in addition to the JSON log (default: that of the config, "
        "TensorBoard files); a resumed training continues its run",
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
    from perception_kd.engine.config.overrides import set_classes

    cfg = read_data_config(args, loader)
    args.work_dir = cfg.work_dir = args.work_dir or cfg.work_dir
    cfg.launcher = args.launcher
    if args.classes:
        set_classes(cfg, args.classes)
    return cfg


def read_data_config(args: argparse.Namespace, loader: str | None) -> "Config":
    """Read the config of a tool and apply the options of :func:`add_config_options`.

    Args:
        args: Parsed options, with ``config``.
        loader: As in :func:`prepare_config`.

    Returns:
        The config.

    Raises:
        FileNotFoundError: If the config or a data folder is missing.
        ValueError: If an option does not name a setting.
    """
    from mmengine.logging import print_log

    from perception_kd.engine.config.overrides import set_data_folders, set_data_set
    from perception_kd.engine.run.launch import check_data_folders, read_config

    cfg = read_config(args.config, args.cfg_options)
    set_data_folders(cfg, args.data_root, args.info_root)
    if args.dataset and (lists := set_data_set(cfg, args.dataset)):
        print_log(
            f"--dataset: all scenes of the info files, without the lists {', '.join(lists)}.",
            logger="current",
        )
    if loader is not None:
        check_data_folders(cfg, loader)
    return cfg


def run_tool(
    command: Callable[[argparse.Namespace], None],
    parse: Callable[[], argparse.Namespace],
    after_stop: Callable[[argparse.Namespace], str] | str = AGAIN,
) -> int:
    """Run a tool and report user errors as one line on standard error.

    An error that is not one of the user's is shown with its traceback and the request
    to report it. With the environment variable ``PERCEPTION_KD_TRACEBACK``, each is.

    Args:
        command: Does the work of the tool.
        parse: Reads its options; may end the program as :mod:`argparse` does.
        after_stop: What the user can do after Ctrl-C or another signal that stops the
            tool (:func:`~perception_kd.engine.ending.stopping.stopped_by_signals`). By
            default, :func:`~perception_kd.utils.ending.advise_if_stopped` may say it.

    Returns:
        Exit status: 0; 1 after an error that should be reported; 2 after a user error;
        130 after Ctrl-C, 143 after SIGTERM; 141 if whoever reads the output has ended.
    """
    args = argparse.Namespace()
    try:
        with stopped_by_signals():
            args = parse()
            command(args)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        return _stopped(stop, after_stop, args)
    except Exception as error:
        # A library may take the signal for an error of its own.
        if signalled := find_stop(error):
            return _stopped(signalled, after_stop, args)
        if _lost_output() and isinstance(error, OSError) and error.filename is None:
            if isinstance(error, BrokenPipeError):
                return _BROKEN_PIPE
            error.filename = "standard output"
        return report_error(error, args)
    return 0


def run_stages_tool(
    command: Callable[[argparse.Namespace], None], parse: Callable[[], argparse.Namespace]
) -> int:
    """Run a tool whose stages are kept when it is stopped, as :func:`run_tool` does.

    Args:
        command: Does the work of the tool.
        parse: Reads its options.

    Returns:
        Exit status, as of :func:`run_tool`.
    """
    # Background processes of a script ignore Ctrl-C, and so would this and its stages.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    again = shlex.join(["python", *sys.argv])
    return run_tool(command, parse, f"Finished stages are kept. To continue, run: {again}")


def _lost_output() -> bool:
    """Return whether standard output cannot be written to, and give up what is left."""
    try:
        sys.stdout.flush()
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        if not any(event & select.POLLERR for _, event in poll.poll(0)):
            return False
    except ValueError:  # it has been closed, or is not a file
        return False
    except OSError:
        pass
    # Python would try again at its end, and show a traceback.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return True


def _stopped(
    stop: KeyboardInterrupt,
    after_stop: Callable[[argparse.Namespace], str] | str,
    args: argparse.Namespace,
) -> int:
    if callable(after_stop):
        after_stop = after_stop(args) if vars(args) else AGAIN
    if after_stop == AGAIN:
        after_stop = find_advice(stop) or AGAIN
    sys.stderr.write(f"\nStopped. {after_stop}\n")
    return stop.status if isinstance(stop, Stopped) else 130
