"""Hardware of the machine, as far as settings of a training depend on it."""

from dataclasses import dataclass

import torch

from perception_kd.utils.cores import count_cores

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


def find_hardware() -> Hardware:
    """Look at the machine."""
    number = torch.cuda.device_count()
    memory = [torch.cuda.get_device_properties(i).total_memory / _GB for i in range(number)]
    return Hardware(number, min(memory, default=0.0), count_cores())
