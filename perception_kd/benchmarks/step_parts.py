"""Time of the parts of a training step, beside the matrix products in it alone."""

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn import Module
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

REST, OPTIMIZER = "rest", "optimizer"
_PART, _STEP, _FLOPS = "part:", "step:", "flops:"
_BACKWARD = "autograd::engine::evaluate_function"
_SIZE = 768  # rows and columns of the matrices whose product is timed


def describe_parts(step: Callable[[], None], model: Module) -> list[dict[str, Any]]:
    """Profile a step on a CPU by the modules of the model, the largest part first.

    The time of a module is that of its forward and its backward pass. ``optimizer`` are
    the optimizer's own operations, ``rest`` is all outside of modules, such as losses.

    Args:
        step: Takes a step.
        model: The model that it trains.

    Returns:
        One entry per part: ``name``, ``share`` of the time of the step, ``flops`` of
        its products and convolutions, and ``products_s``, the CPU seconds in which a
        product of large matrices has as many.
    """
    seconds = measure_parts(step, model)
    flops = count_flops(step, model)
    rate, total = measure_rate(), sum(seconds.values())
    return [
        {
            "name": name,
            "share": taken / total,
            "flops": flops[name],
            "products_s": flops[name] / rate,
        }
        for name, taken in seconds.most_common()
    ]


def measure_parts(step: Callable[[], None], model: Module) -> Counter[str]:
    """Return the seconds of each part of a step, forward and backward."""
    seconds: Counter[str] = Counter()
    for event, part in _profile(step, model):
        seconds[part] += event.self_cpu_time_total * 1e-6
    return seconds


def count_flops(step: Callable[[], None], model: Module) -> Counter[str]:
    """Return the floating-point operations of each part's products and convolutions."""
    flops: Counter[str] = Counter()
    with _FlopRanges():  # type: ignore[no-untyped-call]
        for event, part in _profile(step, model):
            if event.name.startswith(_FLOPS):
                flops[part] += int(event.name.removeprefix(_FLOPS))
    return flops


class _FlopRanges(TorchDispatchMode):
    """Record an empty range after each operation, with the number of its operations."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            number = count(*args, **(kwargs or {}), out_val=result)
            with record_function(f"{_FLOPS}{number}"):
                pass
        return result


def _profile(step: Callable[[], None], model: Module) -> list[tuple[Any, str]]:
    """Return what a step does, with the part of each event."""
    with (
        _named_parts(model),
        profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler,
        record_function(_STEP),
    ):
        step()
    events = list(profiler.events() or [])
    # A node of the backward pass has the number of the operation that made it.
    makers = {
        event.sequence_nr: _part_of(event, {})
        for event in events
        if event.sequence_nr >= 0 and not _is_backward(event)
    }
    return [(event, _part_of(event, makers)) for event in events]


def _part_of(event: Any, makers: dict[int, str]) -> str:
    """Return the part of the innermost range around an event that says it."""
    while event is not None:
        if event.name.startswith(_PART):
            return str(event.name.removeprefix(_PART))
        if event.name.startswith("Optimizer."):
            return OPTIMIZER
        if event.name.startswith(_BACKWARD) and event.sequence_nr in makers:
            return makers[event.sequence_nr]
        event = event.cpu_parent
    return REST


def _is_backward(event: Any) -> bool:
    while event is not None:
        if event.name.startswith(_BACKWARD):
            return True
        event = event.cpu_parent
    return False


@contextmanager
def _named_parts(model: Module) -> Iterator[None]:
    """Record ranges around modules and their methods, by the first name of each."""
    open_ranges: list[Any] = []

    def enter(name: str) -> Callable[..., None]:
        def record(*_: Any) -> None:
            open_ranges.append(record_function(_PART + name))
            open_ranges[-1].__enter__()

        return record

    def leave(*_: Any) -> None:
        open_ranges.pop().__exit__(None, None, None)

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                before = module.register_forward_pre_hook(enter(name.split(".")[0]))
                hooks.callback(before.remove)
                hooks.callback(module.register_forward_hook(leave, always_call=True).remove)
        for name, module in model.named_children():
            for method in _public_methods(module):
                named = record_function(_PART + name)(getattr(module, method))
                setattr(module, method, named)
                hooks.callback(delattr, module, method)
        yield


def _public_methods(module: Module) -> list[str]:
    """Return the names of methods that a module has beside those of each module."""
    return [
        name
        for name in dir(type(module))
        if not name.startswith("_") and not hasattr(Module, name) and name not in vars(module)
        if inspect.isfunction(getattr(type(module), name))
    ]


def measure_rate() -> float:
    """Return the operations per CPU second of a product of large matrices."""
    a, b = torch.randn(2, _SIZE, _SIZE)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        torch.mm(a, b)
        seconds.append(time.process_time() - start)
    return 2 * _SIZE**3 / min(seconds)
