"""The choice between spconv and this package's own sparse convolutions."""

import functools
import importlib
import os
import sys
from types import ModuleType
from typing import Any, Literal, NamedTuple

import torch

from perception_kd.ops.sparse.cpu_kernels import (
    TESTED_VERSIONS,
    install_cpu_kernels,
    use_native_pairs_on_cpu,
)

VARIABLE = "PERCEPTION_KD_SPARSE_CONV"
_KINDS = ("auto", "spconv", "torch")
_ASKED_BY_MMDET3D = "mmdet3d.models.layers.spconv"


class SparseBackend(NamedTuple):
    """Backend of sparse convolutions.

    Attributes:
        name: "spconv", or "torch" for this package's layers.
        reason: Why.
    """

    name: Literal["spconv", "torch"]
    reason: str


@functools.cache
def provide_sparse_convolution() -> SparseBackend:
    """Give mmdet3d a sparse convolution that works on this machine.

    spconv is used if it can be imported and has kernels for the device that torch
    finds; on a CPU with this package's kernels. Otherwise
    ``perception_kd.ops.sparse`` takes its place, also for others who import
    ``spconv.pytorch``. The environment variable ``PERCEPTION_KD_SPARSE_CONV`` decides
    otherwise: ``spconv``, ``torch``, or ``auto``, the default.

    Returns:
        The choice, which is made once per process.

    Raises:
        ValueError: If the variable has another value.
        ImportError: If it is ``spconv``, which cannot be imported; or if mmdet3d's
            layers were imported before and have found no spconv.
    """
    wanted = os.environ.get(VARIABLE) or "auto"
    if wanted not in _KINDS:
        raise ValueError(
            f"The environment variable {VARIABLE} must be one of {', '.join(_KINDS)}, but got "
            f"{wanted}."
        )
    backend = choose_backend(wanted)
    if backend.name == "spconv":
        install_cpu_kernels()
        use_native_pairs_on_cpu()
    else:
        _take_the_place_of_spconv(backend)
    return backend


def choose_backend(wanted: str) -> SparseBackend:
    """Return the backend to use, without installing it.

    Args:
        wanted: "auto", "spconv" or "torch".

    Returns:
        The choice.

    Raises:
        ImportError: If spconv is wanted and cannot be imported.
    """
    if wanted == "torch":
        return SparseBackend("torch", f"{VARIABLE} is torch")
    try:
        import spconv.pytorch
    # A library that does not fit raises all kinds of errors.
    except Exception as error:
        what = f"spconv cannot be imported ({str(error).partition(chr(10))[0]})"
        if wanted == "spconv":
            raise ImportError(
                f"{what}, but {VARIABLE} is spconv; install the spconv of your CUDA, or remove the "
                "variable to use this project's own sparse convolutions."
            ) from error
        return SparseBackend("torch", what)
    if wanted == "auto" and (device := find_unsupported_device()):
        return SparseBackend("torch", f"the installed spconv has no kernels for {device}")
    return SparseBackend("spconv", f"spconv {spconv.__version__}")


def find_unsupported_device() -> str | None:
    """Return the device other than the CPU for which spconv lacks kernels."""
    from spconv.cppconstants import CPU_ONLY_BUILD

    device = find_accelerator()
    if device is None or CPU_ONLY_BUILD:
        return device
    if device != "cuda" or torch.version.hip is not None:
        return "ROCm" if device == "cuda" else device
    major, minor = torch.cuda.get_device_capability()
    if is_compiled_for((major, minor)):
        return None
    return f"GPUs of compute capability {major}.{minor}"


def is_compiled_for(capability: tuple[int, int]) -> bool:
    """Return whether the installed spconv has, or can make, kernels for such a GPU."""
    from spconv.core_cc.cumm.common import CompileInfo

    return bool(
        CompileInfo.arch_is_compatible(capability)
        or CompileInfo.algo_can_use_ptx((0, 0), capability)
    )


def find_accelerator() -> str | None:
    """Return the type of the device other than the CPU that torch can use, if any."""
    if torch.cuda.is_available():  # ROCm's, too
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _take_the_place_of_spconv(backend: SparseBackend) -> None:
    asked: Any = sys.modules.get(_ASKED_BY_MMDET3D)
    if asked is not None:
        raise ImportError(
            f"mmdet3d's layers were imported before perception_kd's, with other sparse "
            f"convolutions than its own, which are needed here: {backend.reason}. Import "
            "perception_kd before mmdet3d."
        )
    package = ModuleType("spconv", __doc__)
    package.__path__ = []
    layers = importlib.import_module("perception_kd.ops.sparse")
    # mmdet3d asks for 2.0 or later.
    attributes = {"__version__": f"{TESTED_VERSIONS[-1]}+torch", "pytorch": layers}
    vars(package).update(attributes)
    sys.modules.update({"spconv": package, "spconv.pytorch": layers})
