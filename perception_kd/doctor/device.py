"""Checks of a device: each config takes a training step there as it does on a CPU."""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine import Config

from perception_kd.doctor.device_steps import (
    Step,
    Timing,
    build_loader,
    build_model,
    take_step,
    time_steps,
)
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.precision import FP32, Precision, list_precisions
from perception_kd.doctor.smoke_data import make_smoke_data
from perception_kd.doctor.sparse_layer import check_sparse_layer
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from perception_kd.utils.project_files import find_project_files

_AREA = "device"
_CONFIGS = find_project_files() / "configs"
_CPU = torch.device("cpu")
_LIMIT_S = 110  # of all smoke tests together
_GRADIENT_TOLERANCE = 1e-2
_MAX_WAITING = 0.3
_REPORT = "report it with the lines above, or train on a CPU until it is solved"


class DeviceTrial(NamedTuple):
    """Training steps of a config on a device, and findings on them.

    Attributes:
        steps: Step by the name of the precision.
        timings: Timing by the name of the precision.
        findings: What is wrong.
    """

    steps: dict[str, Step]
    timings: dict[str, Timing]
    findings: list[Finding]


def check_device(args: argparse.Namespace, cfg: Config | None) -> Iterator[Finding]:
    """Yield findings on the device of ``--device``.

    Without a config, every smoke test of ``configs`` is tried, for two minutes at most,
    on tiny synthetic data in a temporary folder unless there is ``--root``.

    Args:
        args: Parsed options of ``tools/doctor.py``.
        cfg: Config of the run, with the data folders of the options.

    Raises:
        ValueError: If the device is neither a CPU nor a GPU of CUDA.
    """
    begin = time.monotonic()
    device = parse_device(args.device)
    missing = find_missing(device)
    if missing is not None:
        yield missing
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    yield describe_device(device)
    yield from check_sparse_layer(device)
    if cfg is not None:
        yield from check_config(Path(cfg.filename).stem, cfg, device, num_steps=10)
        return
    cfgs = {str(path.relative_to(_CONFIGS)): read_config(path) for path in list_smoke_tests()}
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or Path(folder) / "data"
        if args.root is None:
            try:
                make_smoke_data(root, cfgs.values())
            except ImportError as error:  # Open3D renders them
                remedy = "install it, or give the --root of a data set with info files and caches"
                yield Finding(Level.ERROR, _AREA, f"No synthetic data: {error}.", "", remedy)
                return
        info_root = str(args.infos[0].parent) if args.root and args.infos else None
        for each in cfgs.values():
            set_data_folders(each, str(root), info_root)
        yield from check_smoke_tests(cfgs, device, begin + _LIMIT_S)


def parse_device(name: str) -> torch.device:
    """Return a device by its name.

    Raises:
        ValueError: If it is neither a CPU nor a GPU of CUDA.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"--device must be cpu, cuda or cuda:N, but got {name!r}.")
    return device


def find_missing(device: torch.device) -> Finding | None:
    """Return the finding that a machine has no such device, or None."""
    if device.type == "cpu":
        return None
    number = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) < number:
        return None
    what = f"torch {torch.__version__} finds {number or 'no'} GPUs."
    remedy = "see the findings on the environment above; try the check itself with --device cpu"
    return Finding(Level.ERROR, _AREA, what, f"--device {device}", remedy)


def describe_device(device: torch.device) -> Finding:
    """Return the finding that names a device, its memory and how it treats float32."""
    if device.type == "cpu":
        return Finding(Level.OK, _AREA, f"CPU with {torch.get_num_threads()} threads.")
    free, total = torch.cuda.mem_get_info(device)
    what = f"{torch.cuda.get_device_name(device)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free."
    if free < total / 2:
        remedy = "see `nvidia-smi` for other processes, which also make times longer"
        return Finding(Level.WARNING, _AREA, what, str(device), remedy)
    return Finding(Level.OK, _AREA, what, str(device))


def list_smoke_tests(configs: Path = _CONFIGS) -> list[Path]:
    """Return the smoke tests of all methods.

    Raises:
        FileNotFoundError: If there are none.
    """
    paths = sorted(configs.glob("*/smoke/*.py"))
    if not paths:
        raise FileNotFoundError(
            f"No smoke tests in {configs}: run the doctor from a clone of the repository, or give "
            "a --config."
        )
    return paths


def check_smoke_tests(
    cfgs: Mapping[str, Config], device: torch.device, deadline: float
) -> Iterator[Finding]:
    """Yield the findings on several configs, then a verdict.

    Args:
        cfgs: Config by its name.
        device: Where to compute.
        deadline: When to stop, in s of ``time.monotonic``.
    """
    levels = []
    for name, cfg in cfgs.items():
        if time.monotonic() > deadline or not _answers(device):
            break
        findings = list(check_config(name, cfg, device))
        levels.append(max(finding.level is Level.ERROR for finding in findings))
        yield from findings
    yield _conclude(device, list(cfgs), levels)


def _conclude(device: torch.device, names: list[str], failed: list[bool]) -> Finding:
    tried, left = len(failed), names[len(failed) :]
    what = f"{tried - sum(failed)} of {len(names)} smoke tests train as on a CPU."
    if any(failed):
        return Finding(Level.ERROR, _AREA, what, str(device), "see the errors above")
    if left:
        what += f" Not tried, since two minutes are over: {', '.join(left)}."
        remedy = f"try one: python tools/doctor.py --device {device} --root DIR --config CONFIG"
        return Finding(Level.WARNING, _AREA, what, str(device), remedy)
    return Finding(Level.OK, _AREA, what, str(device))


def check_config(
    name: str, cfg: Config, device: torch.device, num_steps: int = 3
) -> Iterator[Finding]:
    """Yield findings on training steps of a config, and their figures.

    Args:
        name: Name of the config, for the findings.
        cfg: The config, with data.
        device: Where to compute.
        num_steps: Number of steps that are timed, in each precision.
    """
    try:
        model, loader = build_model(cfg), build_loader(cfg)
        batch = next(iter(loader))
        reference = take_step(model, cfg, batch, _CPU, FP32)
    except Exception as error:
        remedy = "correct the config or its data: run with --root and --config"
        yield Finding(Level.ERROR, _AREA, f"No step on a CPU: {_explain(error)}", name, remedy)
        return
    trial = DeviceTrial({}, {}, [])
    for precision in list_precisions(device):
        try:
            step = take_step(model, cfg, batch, device, precision)
            timing = time_steps(model, cfg, loader, device, precision, num_steps)
        except Exception as error:
            trial.findings.append(_explain_failure(error, name, precision))
            if not _answers(device):
                break
            continue
        trial.steps[precision.name], trial.timings[precision.name] = step, timing
        trial.findings.extend(compare_steps(step, reference, name, precision))
    yield from trial.findings
    if trial.steps:
        yield _describe(trial, reference, name, is_run=num_steps > 3)


def compare_steps(
    step: Step, reference: Step, name: str, precision: Precision
) -> Iterator[Finding]:
    """Yield the differences to a step on a CPU in float32 that are above tolerance.

    Args:
        step: The step on the device.
        reference: The step on a CPU.
        name: Name of the config.
        precision: Precision of the step on the device.
    """
    pairs = [("loss", step.loss, reference.loss, precision.tolerance)]
    if precision is FP32:
        norms = step.grad_norm, reference.grad_norm
        pairs.append(("norm of the gradient", *norms, _GRADIENT_TOLERANCE))
    for what, found, expected, tolerance in pairs:
        deviation = _deviation(found, expected)
        if not deviation <= tolerance:
            text = (
                f"The {what} in {precision.name} is {found:.6g}, but {expected:.6g} on a CPU "
                f"({deviation:.1e}, allowed {tolerance:.0e})."
            )
            remedy = _REPORT if precision is FP32 else "train without --amp, and report it"
            yield Finding(Level.ERROR, _AREA, text, name, remedy)


def _describe(trial: DeviceTrial, reference: Step, name: str, *, is_run: bool) -> Finding:
    """Return the figures of a config; the share of waiting is judged of a real run."""
    deviations = {key: _deviation(s.loss, reference.loss) for key, s in trial.steps.items()}
    shown = ", ".join(f"{key} {value:.0e}" for key, value in deviations.items())
    times = ", ".join(f"{key} {t.seconds * 1e3:.0f} ms" for key, t in trial.timings.items())
    first = next(iter(trial.timings.values()))
    peak = f", {first.peak_gb:.2f} GB" if first.peak_gb == first.peak_gb else ""
    what = (
        f"Loss {reference.loss:.4g} on a CPU, deviation {shown}; a step takes {times}{peak}; "
        f"{first.waiting:.0%} of the time waits for data."
    )
    numbers = {"loss_cpu": reference.loss, "waiting": first.waiting}
    for key, timing in trial.timings.items():
        numbers |= {f"loss_{key}": trial.steps[key].loss, f"seconds_{key}": timing.seconds}
        if timing.peak_gb == timing.peak_gb:
            numbers[f"peak_gb_{key}"] = timing.peak_gb
    if is_run and first.waiting > _MAX_WAITING:
        remedy = "raise train_dataloader.num_workers, up to the number of cores"
        return Finding(Level.WARNING, _AREA, what, name, remedy, numbers=numbers)
    return Finding(Level.OK, _AREA, what, name, numbers=numbers)


def _deviation(found: float, expected: float) -> float:
    return abs(found - expected) / max(abs(expected), 1e-12)


def _answers(device: torch.device) -> bool:
    """Return whether a device still works; after some errors a GPU does not."""
    try:
        torch.zeros(1, device=device).add_(1).item()
    except RuntimeError:
        return False
    return True


def _explain_failure(error: Exception, name: str, precision: Precision) -> Finding:
    what = f"No step in {precision.name}: {_explain(error)}"
    remedy = _REPORT
    if isinstance(error, torch.OutOfMemoryError):
        remedy = "lower train_dataloader.batch_size, or end other processes on the GPU"
    elif precision.dtype is not None:
        remedy = "train without --amp, and report it"
    return Finding(Level.ERROR, _AREA, what, name, remedy)


def _explain(error: Any) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
