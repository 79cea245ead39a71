"""Options of offline stages that say where their jobs run."""

import argparse
from typing import TYPE_CHECKING

from perception_kd.utils.checks import check_at_least

if TYPE_CHECKING:
    from perception_kd.io.workers import Workers

_LOCAL, _RAY = "local", "ray"
_WORKERS = 2


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``, ``--executor`` and ``--address``."""
    add = parser.add_argument
    help_workers = (
        f"processes; 0 = none (default: {_WORKERS}); with --executor ray, the largest number of "
        "jobs at the same time (default: one per CPU of the cluster)"
    )
    add("--workers", type=int, help=help_workers)
    help_executor = "this machine (default), or all nodes of a Ray cluster"
    add("--executor", choices=(_LOCAL, _RAY), default=_LOCAL, help=help_executor)
    help_address = "head of the Ray cluster (default: that of the cluster on this machine)"
    add("--address", metavar="HOST:PORT", help=help_address)


def read_workers(args: argparse.Namespace, *, num_gpus: float = 0.0) -> "Workers":
    """Return where jobs run, by the options of :func:`add_worker_arguments`.

    Args:
        args: Parsed options.
        num_gpus: GPUs of a job on a cluster.

    Raises:
        ValueError: If an option is out of range, or belongs to another executor.
        ImportError: If ray is needed and not installed.
        ConnectionError: If no cluster answers at ``--address``.
    """
    if args.executor == _LOCAL:
        if args.address is not None:
            raise ValueError("--address is that of a Ray cluster; add --executor ray.")
        workers = _WORKERS if args.workers is None else args.workers
        check_at_least("--workers", workers, 0)
        return int(workers)
    if args.workers is not None:
        check_at_least("--workers", args.workers, 1)
    from perception_kd.io.ray_cluster.connection import AUTO, check_address, import_ray
    from perception_kd.io.ray_cluster.pool import RayPool

    pool = RayPool(args.address or AUTO, args.workers, num_gpus)
    import_ray()  # refused before any work
    check_address(pool.address)
    return pool


def list_worker_options(args: argparse.Namespace) -> list[str]:
    """Return the options that run jobs in the same place, as words of a command."""
    workers = _WORKERS if args.workers is None and args.executor == _LOCAL else args.workers
    words = [] if workers is None else ["--workers", str(workers)]
    if args.executor == _LOCAL:
        return words
    address = [] if args.address is None else ["--address", args.address]
    return ["--executor", args.executor, *address, *words]
