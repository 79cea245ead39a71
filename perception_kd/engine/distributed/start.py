"""Distributed training on machines without an accelerator.

mmengine 0.10 starts every process group with ``torch.cuda.set_device`` and wraps the
model for a GPU; a build of torch for the CPU has neither. It keeps a group that exists
already, so the group for the CPU is made here, before the runner.
"""

import atexit
import gc
import os
import subprocess
from datetime import timedelta

import torch.distributed as dist
from mmengine import Config
from mmengine.device import get_device

from perception_kd.engine.distributed.lost_process import lost_processes_named
from perception_kd.utils.checks import is_number

_DEFAULT_PORT = "29500"
_TIMEOUT = 600.0  # s, where the config has none

_LAUNCHER_VARIABLES = {
    "pytorch": {"RANK": "RANK", "WORLD_SIZE": "WORLD_SIZE", "LOCAL_RANK": "LOCAL_RANK"},
    "slurm": {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"},
    "mpi": {
        "RANK": "OMPI_COMM_WORLD_RANK",
        "WORLD_SIZE": "OMPI_COMM_WORLD_SIZE",
        "LOCAL_RANK": "OMPI_COMM_WORLD_LOCAL_RANK",
    },
}


def prepare_distributed(cfg: Config, launcher: str) -> None:
    """Start the process group where mmengine cannot, and adapt the config to it.

    Does nothing without a launcher, with an accelerator, or where a group exists.

    Args:
        cfg: Config of the run; ``model_wrapper_cfg`` is filled in on a CPU.
        launcher: "none", "pytorch", "slurm" or "mpi".

    Raises:
        ValueError: If the launcher's environment variables are missing.
        ConnectionError: If another process does not start.
    """
    if launcher == "none" or get_device() != "cpu":
        return
    if not dist.is_initialized():
        set_rendezvous(launcher)
        timeout = find_timeout(cfg)
        with lost_processes_named(timeout):
            dist.init_process_group(backend="gloo", timeout=timedelta(seconds=timeout))
        atexit.register(_leave_group)
    # None, since the default is the index of a GPU.
    wrapper = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
    wrapper["find_unused_parameters"] = cfg.get("find_unused_parameters", False)
    cfg.model_wrapper_cfg = {**wrapper, **(cfg.get("model_wrapper_cfg") or {})}


def find_timeout(cfg: Config) -> float:
    """Return how long a process waits for another one, in s.

    Raises:
        ValueError: If ``env_cfg.dist_cfg.timeout`` is not a positive number.
    """
    timeout = ((cfg.get("env_cfg") or {}).get("dist_cfg") or {}).get("timeout", _TIMEOUT)
    if not is_number(timeout) or not timeout > 0:
        raise ValueError(f"env_cfg.dist_cfg.timeout must be seconds, above 0, but got {timeout!r}.")
    return float(timeout)


def _leave_group() -> None:
    """End the group's threads, in which the exit of Python could abort."""
    if dist.is_initialized():
        # They end with the last reference to the group, and a runner and its model,
        # which hold one, refer to each other in circles.
        gc.collect()
        dist.destroy_process_group()


def launched_rank(launcher: str) -> int:
    """Return the number of this process, also before its process group exists.

    Args:
        launcher: "none", "pytorch", "slurm" or "mpi".
    """
    variables = _LAUNCHER_VARIABLES.get(launcher, {})
    return int(os.environ.get(variables.get("RANK", ""), 0))


def set_rendezvous(launcher: str) -> None:
    """Translate a launcher's environment variables into torch's.

    Args:
        launcher: "pytorch", "slurm" or "mpi".

    Raises:
        ValueError: If the launcher is unknown or did not start this process.
    """
    if launcher not in _LAUNCHER_VARIABLES:
        known = ", ".join(_LAUNCHER_VARIABLES)
        raise ValueError(f"launcher must be none, {known}, but got {launcher}.")
    variables = _LAUNCHER_VARIABLES[launcher]
    absent = [name for name in variables.values() if name not in os.environ]
    if absent:
        raise ValueError(
            f"--launcher {launcher}: {', '.join(absent)} not set in the environment; start the "
            "command with tools/dist_train.sh (torchrun) or tools/slurm_train.sh (srun)."
        )
    os.environ.update({ours: os.environ[theirs] for ours, theirs in variables.items()})
    os.environ.setdefault("MASTER_PORT", _DEFAULT_PORT)
    if "MASTER_ADDR" not in os.environ:
        os.environ["MASTER_ADDR"] = _first_slurm_host() if launcher == "slurm" else "127.0.0.1"


def _first_slurm_host() -> str:
    nodes = os.environ.get("SLURM_NODELIST", "")
    if not any(letter in nodes for letter in "[,"):
        return nodes or "127.0.0.1"
    command = ["scontrol", "show", "hostnames", nodes]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
