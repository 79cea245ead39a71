"""Options shared by commands that fill a cache from info files."""

import argparse
from pathlib import Path
from typing import Any

from perception_kd.io.ray_cluster.options import add_worker_arguments, read_workers
from perception_kd.utils.checks import check_at_least


def add_cache_arguments(
    parser: argparse.ArgumentParser, inputs: str, folder: str, num_previews: int
) -> None:
    """Add the options of every command that fills a cache.

    Args:
        parser: Parser of the command.
        inputs: What is read, in the plural, such as "images".
        folder: Default folder of the cache, beside the info file.
        num_previews: Default number of previews.
    """
    add = parser.add_argument
    add("--info", nargs="+", required=True, help=f"info files that list the {inputs}")
    add("--data-root", required=True, help="folder of the data set")
    help_folder = f"folder of the cache (default: {folder} beside the info file)"
    add("--out-dir", help=help_folder)
    add_worker_arguments(parser)
    help_resume = "keep existing entries (default), or make all again"
    add("--resume", action=argparse.BooleanOptionalAction, default=True, help=help_resume)
    help_verify = "read existing entries and replace broken ones"
    add("--verify", action="store_true", help=help_verify)
    help_preview = f"draw N {inputs} into preview/ of the cache (default: %(default)s)"
    add("--preview", type=int, default=num_previews, metavar="N", help=help_preview)


def read_infos(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Check the options of :func:`add_cache_arguments` and read the info files.

    Returns:
        Content of each info file by its path.

    Raises:
        FileNotFoundError: If an info file or the folder of the data set is missing.
        ValueError: If an option is out of range or an info file cannot be used.
        ImportError: If ``--executor ray`` lacks ray.
        ConnectionError: If no Ray cluster answers.
    """
    from perception_kd.io.info_file import open_info  # imports NumPy

    read_workers(args)  # refused first
    check_at_least("--preview", args.preview, 0)
    if not Path(args.data_root).is_dir():
        raise FileNotFoundError(f"No data set at {args.data_root}; give its folder as --data-root.")
    return {path: open_info(path, args.data_root) for path in args.info}
