"""Write parts of a network as ONNX files, and compare them with torch."""

import copy
import io
import math
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perception_kd.export.onnx.modules import DensePart
from perception_kd.io.atomic import open_folder, write_whole
from perception_kd.utils.extras import install_command

_OPSET = 17
# Greatest difference to torch, relative to the greatest absolute value.
TOLERANCE = 1e-4


def check_onnx() -> None:
    """Refuse to continue without the packages of the extra.

    Raises:
        ImportError: If one is missing.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"--to onnx needs {' and '.join(missing)}; install the extra: "
            f"{install_command('onnx')}."
        )


def write_parts(parts: Sequence[DensePart], folder: Path) -> list[float]:
    """Write all parts as ``NAME.onnx``, or none.

    Args:
        parts: The parts, in eval mode on the CPU.
        folder: Folder of the files, which is made, or is empty.

    Returns:
        For each part, the greatest difference between onnxruntime and torch, relative
        to the greatest absolute value of an output.

    Raises:
        OSError: If the folder cannot be made, or a file cannot be written.
        ValueError: If a difference is above 1e-4, and is not rounding: onnxruntime is
            further from the result in float64 than torch is.
    """
    # Some of the parts alone would look like the export, and stop the next try.
    with open_folder("--out", folder):
        checked = [_convert_checked(part) for part in parts]
        for part, (data, _) in zip(parts, checked, strict=True):
            write_whole(folder / f"{part.name}.onnx", data)
    return [difference for _, difference in checked]


def _convert_checked(part: DensePart) -> tuple[bytes, float]:
    data = to_onnx(part)
    difference = compare_with_torch(part, data)
    if not (difference <= TOLERANCE or _is_rounding(part, data)):
        raise ValueError(
            f"onnxruntime computes {part.name} with a difference of {difference:.1e} to torch, "
            f"more than {TOLERANCE:g}; no file is written. This is a fault of this program or of "
            "the versions of onnx and onnxruntime."
        )
    return data, difference


def _is_rounding(part: DensePart, data: bytes) -> bool:
    """Return whether onnxruntime is as near to the result in float64 as torch is."""
    inputs = part.inputs.values()
    doubled = [value.double() if value.is_floating_point() else value for value in inputs]
    with torch.no_grad():
        ours = _as_list(part.module(*inputs))
        exact = _as_list(copy.deepcopy(part.module).double()(*doubled))
    rounding = _greatest_difference(exact, [value.numpy() for value in ours])
    return _greatest_difference(exact, run_onnx(data, part.inputs)) <= rounding


def to_onnx(part: DensePart) -> bytes:
    """Return a part as the content of an ONNX file."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer warns of branches that depend on sizes; they are fixed here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part.module,
            tuple(part.inputs.values()),
            stream,  # type: ignore[arg-type]
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_axes=part.free_axes,
            opset_version=_OPSET,
            dynamo=False,
        )
    return stream.getvalue()


def compare_with_torch(part: DensePart, data: bytes) -> float:
    """Return the greatest relative difference between onnxruntime and torch.

    Args:
        part: The part.
        data: Its ONNX file.
    """
    with torch.no_grad():
        expected = part.module(*part.inputs.values())
    return _greatest_difference(_as_list(expected), run_onnx(data, part.inputs))


def run_onnx(data: bytes, inputs: dict[str, Tensor]) -> list[Any]:
    """Return the outputs of onnxruntime on the CPU, as arrays."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait actively would slow other processes down.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return outputs


def _as_list(found: Any) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else list(found)


def _greatest_difference(expected: Sequence[Tensor], found: Sequence[Any]) -> float:
    pairs = zip(expected, found, strict=True)
    return max(_difference(one.numpy(), other) for one, other in pairs)


def _difference(expected: Any, found: Any) -> float:
    if not np.isfinite(found).all():
        return math.inf
    scale = float(np.abs(expected).max())
    difference = float(np.abs(expected - found).max())
    return difference / scale if scale > 0 else difference
