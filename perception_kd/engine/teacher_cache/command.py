"""The command ``tools/create_data.py teacher``."""

import argparse
import os
import shlex

from perception_kd.engine.commands.command_line import add_config_options, read_data_config
from perception_kd.io.ray_cluster.options import (
    add_worker_arguments,
    list_worker_options,
    read_workers,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py teacher``."""
    add = parser.add_argument
    add("--config", required=True, help="config of a pre-training whose pipelines read the cache")
    add_config_options(parser)
    add("--device", default="cpu", help="device of the teacher, such as cuda (default: cpu)")
    add_worker_arguments(parser)
    help_size = "refuse a cache that would be larger, in GB (default: %(default)s)"
    add("--max-size", type=float, default=100.0, metavar="GB", help=help_size)


def run(args: argparse.Namespace) -> None:
    """Store the features of a teacher, or what is missing of them.

    Raises:
        FileNotFoundError: If the config, a data folder or a file of weights is missing.
        BrokenFileError: If a file of a sample is broken.
        ValueError: If the config reads no cache, the one that is there is of another
            teacher or other crops, or the size exceeds ``--max-size``.
    """
    import torch

    from perception_kd.engine.teacher_cache.create import TeacherOptions, create_teacher_cache

    on_gpu = torch.device(args.device).type == "cuda"
    workers = read_workers(args, num_gpus=float(on_gpu))
    if on_gpu and isinstance(workers, int) and not torch.cuda.is_available():
        raise ValueError(f"torch finds no GPU for --device {args.device}; use --device cpu.")
    cfg = read_data_config(args, "train_dataloader")
    words = ["python", "tools/create_data.py", "teacher", "--config", os.path.abspath(args.config)]
    for name in ("data_root", "info_root", "dataset"):
        value = getattr(args, name)
        if value is not None:
            is_folder = name != "dataset"
            words += [f"--{name.replace('_', '-')}", os.path.abspath(value) if is_folder else value]
    if args.cfg_options:
        words += ["--cfg-options", *(f"{k}={v}" for k, v in args.cfg_options.items())]
    options = TeacherOptions(
        command=shlex.join([*words, *list_worker_options(args)]),
        device=args.device,
        workers=workers,
        max_gb=args.max_size,
    )
    create_teacher_cache(cfg, options)
