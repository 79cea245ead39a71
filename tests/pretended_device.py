"""A pretended GPU: tensors of a CPU that carry a device, and fail as if it were there.

Inside ``with PretendedGPU() as gpu``, ``tensor.to("cuda")`` marks a copy, results of
marked tensors are marked, and an operation on tensors of two devices raises, in the
forward and in the backward pass. What makes the CPU wait for a GPU, and so empties its
queue, is counted.

Tensors that were made before, or inside torch's own functions or spconv's, have no mark
and go with any device.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from unittest.mock import patch

import torch
import torch.utils.checkpoint
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
_ROOT = Path(__file__).parents[1]
_ATEN = torch.ops.aten
# Copies between devices, and what only looks at a tensor.
_FREE = {_ATEN.copy_, _ATEN._to_copy, _ATEN.set_, _ATEN._local_scalar_dense, _ATEN.is_same_size}
# Modules whose kernels have to see where a tensor really is.
_KERNELS = ("spconv", "cumm", "perception_kd.ops.sparse.cpu_kernels")
_INDEXED = {_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._index_put_impl_}
# The number of results depends on the values, which the CPU has to wait for.
_WAITS = {
    _ATEN._local_scalar_dense: "item",
    _ATEN.nonzero: "nonzero",
    _ATEN._unique2: "unique",
    _ATEN.unique_dim: "unique",
    _ATEN.unique_consecutive: "unique",
    _ATEN.masked_select: "mask",
    _ATEN.bincount: "bincount",
    _ATEN.equal: "equal",
    _ATEN.allclose: "equal",
}
_GETTERS: dict[str, Callable[[torch.device], Any]] = {
    "device": lambda device: device,
    "is_cuda": lambda device: device.type == "cuda",
    "is_cpu": lambda device: device.type == "cpu",
}
_DESCRIPTORS = {getattr(Tensor, name).__get__: get for name, get in _GETTERS.items()}


class Wait(NamedTuple):
    """A line that makes the CPU wait for the GPU.

    Attributes:
        kind: "item", "list", "nonzero", "unique", "mask", "bincount", "repeat",
            "equal"; "download" of a tensor to the CPU, "upload" of one to the GPU.
        place: File and function in this repository, or module of a library.
    """

    kind: str
    place: str


class PretendedGPU:
    """Devices of tensors and waits of the CPU, as long as it is entered.

    Attributes:
        waits: How often each line has waited.
    """

    def __init__(self) -> None:
        self.waits: Counter[Wait] = Counter()
        self._marks: dict[int, tuple[StorageWeakRef, torch.device]] = {}
        self._modes = ExitStack()

    def __enter__(self) -> Self:
        """Begin to mark and to check."""
        engine = torch.autograd._engine_run_backward  # type: ignore[attr-defined]

        def run_backward(*args: Any, **options: Any) -> Any:
            with _Function(self):  # else what Python code does in a backward pass is not seen
                return engine(*args, **options)

        patched = patch.object(torch.autograd, "_engine_run_backward", run_backward)
        self._modes.enter_context(patched)
        # Checkpoints compare devices, of which they may see the true ones.
        of_checkpoints = torch.utils.checkpoint._allowed_determinism_checks_to_fns
        ignored: dict[str, Any] = {"default": lambda _: None}
        self._modes.enter_context(patch.dict(of_checkpoints, ignored))
        self._modes.enter_context(_Dispatch(self))
        self._modes.enter_context(_Function(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let tensors be tensors of a CPU again."""
        self._modes.__exit__(kind, error, trace)

    def device_of(self, tensor: Tensor) -> torch.device | None:
        """Return the device of a tensor; None if it has no mark."""
        with torch._C.DisableTorchFunction():
            mark = self._marks.get(tensor.untyped_storage()._cdata)
        return None if mark is None else mark[1]

    def mark(self, value: Any, device: torch.device, *, keep: bool = False) -> None:
        """Give all tensors of nested lists, tuples and dicts a device.

        Args:
            value: The tensors.
            device: Their device.
            keep: Whether tensors that have one keep it.
        """
        for tensor in tree_leaves(value):
            if isinstance(tensor, Tensor) and not (keep and self.device_of(tensor) is not None):
                with torch._C.DisableTorchFunction():
                    storage = tensor.untyped_storage()
                    # As long as the weak reference is there, no other has this number.
                    self._marks[storage._cdata] = (StorageWeakRef(storage), device)

    def count(self, kind: str) -> None:
        """Count that the CPU waits."""
        self.waits[Wait(kind, _find_place())] += 1


def _is_in_kernels() -> bool:
    """Return whether the next caller outside torch computes on the CPU, in truth."""
    names = (str(frame.f_globals.get("__name__")) for frame in _frames())
    caller = next(name for name in names if not name.startswith(("torch", __name__)))
    return caller.startswith(_KERNELS)


def _find_place() -> str:
    """Return the innermost function of the package, else of whoever calls torch."""
    outermost = ""
    for frame in _frames():
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT / "perception_kd"):
            return f"{path.relative_to(_ROOT / 'perception_kd')}:{frame.f_code.co_qualname}"
        module = str(frame.f_globals.get("__name__", ""))
        if not outermost and not module.startswith(("torch", "tests", "contextlib")):
            outermost = f"{module}:{frame.f_code.co_qualname}"
    return outermost


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]


class _Function(TorchFunctionMode):
    """Requests of Python code to tensors: their device, another device, new tensors."""

    def __init__(self, gpu: PretendedGPU) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if _is_in_kernels():
            return func(*args, **options)
        getter = _DESCRIPTORS.get(func)
        if getter is not None:
            return getter(self.gpu.device_of(args[0]) or CPU)
        name = getattr(func, "__name__", "")
        if func in (Tensor.to, Tensor.cuda, Tensor.cpu):
            return self._move(name, args, options)
        if func in (Tensor.numpy, Tensor.__array__) and self.gpu.device_of(args[0]) == GPU:
            raise TypeError(f"can't convert {GPU} device type tensor to numpy; use Tensor.cpu()")
        if func is Tensor.tolist and self.gpu.device_of(args[0]) == GPU:
            self.gpu.count("list")  # reads the memory itself, which no computation shows
        target = _as_device(options.pop("device", None))
        self._check_generator(options.get("generator"), target)
        result = func(*args, **options)
        if target is not None:
            self._upload(target, func in (torch.tensor, torch.as_tensor, Tensor.new_tensor), args)
            self.gpu.mark(result, target)
        elif func is Tensor.new_tensor:
            own = self.gpu.device_of(args[0])
            self._upload(own, True, args[1:])
            self.gpu.mark(result, own or CPU)
        elif func in _device_constructors():
            given = [self.gpu.device_of(x) for x in args if isinstance(x, Tensor)]
            self.gpu.mark(result, CPU, keep=any(device is not None for device in given))
        return result

    def _move(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
        tensor, *rest = args
        target = _as_device(options.pop("device", None))
        if name in ("cuda", "cpu"):
            target, rest = (GPU if name == "cuda" else CPU), []
            options.pop("non_blocking", None)
        elif rest and isinstance(rest[0], Tensor):
            target = self.gpu.device_of(rest[0])
            rest[0] = rest[0].dtype
        elif rest and not isinstance(rest[0], torch.dtype):
            target = _as_device(rest[0])
            rest[0] = None  # as the device
        moved: Tensor = tensor.to(*rest, **options) if any(rest) or options else tensor
        own = self.gpu.device_of(tensor)
        if target is None or target == own:
            return moved
        if target == CPU and own == GPU:
            self.gpu.count("download")
        elif target == GPU and own == CPU:
            self.gpu.count("upload")
        moved = moved.clone()
        self.gpu.mark(moved, target)
        return moved

    def _upload(self, target: torch.device | None, is_copy: bool, args: tuple[Any, ...]) -> None:
        """Count a copy of numbers or of a tensor of the CPU."""
        if is_copy and target == GPU:
            given = [self.gpu.device_of(x) for x in args if isinstance(x, Tensor)]
            if GPU not in given:
                self.gpu.count("upload")

    @staticmethod
    def _check_generator(generator: torch.Generator | None, target: torch.device | None) -> None:
        if generator is not None and target is not None and target != generator.device:
            raise RuntimeError(f"Expected a '{target}' device type for generator")


def _as_device(value: Any) -> torch.device | None:
    if value is None:
        return None
    device = torch.device("cuda", value) if isinstance(value, int) else torch.device(value)
    return CPU if device.type == "cpu" else GPU


class _Dispatch(TorchDispatchMode):
    """Computations: all tensors of one are on one device, and so are its results."""

    def __init__(self, gpu: PretendedGPU) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.gpu = gpu

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        with torch._C.DisableTorchFunction():
            device = self._common_device(func, args, options)
            if device == GPU:
                self._count_waits(func, args, options)
            result = func(*args, **options)
            if device is not None:
                self.gpu.mark(result, device, keep=True)
        return result

    def _common_device(
        self, func: Any, args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> torch.device | None:
        packet = func.overloadpacket
        if packet in _INDEXED and self.gpu.device_of(args[0]) == GPU:
            args = (args[0], *args[2:])  # indices may be on the CPU
        leaves = [x for x in tree_leaves((args, options)) if isinstance(x, Tensor)]
        devices = [(x, self.gpu.device_of(x)) for x in leaves]
        known = {device for x, device in devices if device is not None and x.dim() > 0}
        known |= {device for _, device in devices if device == GPU}
        if len(known) == 2 and packet not in _FREE and not _takes_any(packet):
            shown = ", ".join(f"{list(x.shape)} on {d}" for x, d in devices if d is not None)
            raise RuntimeError(f"Expected all tensors to be on the same device in {func}: {shown}")
        numbers = {device for _, device in devices if device is not None}
        if numbers == {CPU, GPU} and known == {GPU} and not _takes_numbers(func):
            raise RuntimeError(f"{func} takes no number of the CPU beside tensors of {GPU}")
        return GPU if GPU in known else CPU if numbers else None

    def _count_waits(self, func: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        packet = func.overloadpacket
        if packet in _WAITS:
            self.gpu.count(_WAITS[packet])
        elif packet is _ATEN.copy_ and (to := self.gpu.device_of(args[0])) is not None:
            source = self.gpu.device_of(args[1])
            if source is not None and source != to:
                self.gpu.count("download" if to == CPU else "upload")
        elif packet in _INDEXED and any(
            x.dtype in (torch.bool, torch.uint8) for x in args[1] if x is not None
        ):
            self.gpu.count("mask")
        elif func is _ATEN.repeat_interleave.Tensor and options.get("output_size") is None:
            self.gpu.count("repeat")


def _takes_any(packet: Any) -> bool:
    # Optimizers keep the number of steps on the CPU.
    return str(packet).split(".")[-1].startswith(("_foreach", "_fused"))


def _takes_numbers(func: Any) -> bool:
    packet = func.overloadpacket
    is_free = packet in _FREE or packet in _INDEXED or _takes_any(packet)
    return is_free or torch.Tag.pointwise in func.tags
