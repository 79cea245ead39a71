"""What the machine has, as far as settings of a training depend on it."""

import os
from dataclasses import dataclass

import torch

_GB = 2**30


@dataclass(frozen=True)
class Hardware:
    """A machine.

    Attributes:
        num_gpus: Number of GPUs to train on; 0 for a CPU.
        gpu_gb: Memory of the smallest of them.
        num_cpus: Number of cores that this process may use.
    """

    num_gpus: int
    gpu_gb: float
    num_cpus: int

    def describe(self) -> str:
        """Describe it in a few words."""
        cores = f"{self.num_cpus} cores"
        return f"{self.num_gpus} GPUs of {self.gpu_gb:.0f} GB, {cores}" if self.num_gpus else cores


def find_hardware(device: str | None = None) -> Hardware:
    """Look at the machine.

    Args:
        device: "cpu" leaves GPUs alone, "cuda" requires one; None takes what there is.

    Raises:
        ValueError: If ``device`` is neither, or there is no GPU.
    """
    if device not in (None, "cpu", "cuda"):
        raise ValueError(f'device must be "cpu" or "cuda", but got {device!r}.')
    number = 0 if device == "cpu" else torch.cuda.device_count()
    if device == "cuda" and not number:
        raise ValueError('device="cuda": torch finds no GPU; leave device out to train on the CPU.')
    memory = [torch.cuda.get_device_properties(i).total_memory / _GB for i in range(number)]
    return Hardware(number, min(memory, default=0.0), len(os.sched_getaffinity(0)))
