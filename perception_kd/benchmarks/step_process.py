"""A process that takes training steps of a config, one for each line of its input.

`step.py` starts it as a script, with a checkout of any commit as ``PYTHONPATH`` and as
folder. So it calls only what those have had since version 0.2, and answers in JSON.
"""

import contextlib
import copy
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

# Where functions are, and where they were before.
_HOMES = {
    "read_config": ("perception_kd.engine.run.launch", "perception_kd.engine.launch"),
    "set_data_folders": ("perception_kd.engine.config.overrides", "perception_kd.engine.launch"),
}


def serve_steps() -> None:
    """Take a step for each line "step", and describe one for each line "parts".

    The first argument is JSON: ``configs``, of which the first that exists is taken,
    ``data_root``, ``batch_size`` (0 for the config's) and ``device``.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    settings = json.loads(sys.argv[1])
    step, model = prepare_steps(settings)
    for line in sys.stdin:
        answer: Any = time_step(step, settings["device"])
        if line.strip() == "parts":
            from perception_kd.benchmarks.step_parts import describe_parts

            answer = describe_parts(step, model)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def prepare_steps(settings: dict[str, Any]) -> tuple[Callable[[], None], Any]:
    """Return a function that takes a step, always of the same batch, and the model."""
    with contextlib.suppress(ImportError):  # as trainings do, where the commit has it
        importlib.import_module("perception_kd.io.workers").keep_freed_memory()
    cfg = _find("read_config")(next(p for p in settings["configs"] if Path(p).exists()))
    _find("set_data_folders")(cfg, settings["data_root"], None)
    init_default_scope(cfg.default_scope)
    forget_weights(cfg.model)
    torch.manual_seed(0)
    model: Any = MODELS.build(cfg.model)
    model.init_weights()
    model = model.to(settings["device"]).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = load_batch(cfg, settings["batch_size"])

    def step() -> None:
        model.train_step(copy.deepcopy(batch), wrapper)

    return step, model


def forget_weights(settings: Any) -> None:
    """Remove files of weights from the settings of a model: no time depends on them."""
    for key, value in settings.items() if isinstance(settings, dict) else enumerate(settings):
        is_file = key in ("checkpoint", "teacher_checkpoint")
        if is_file or (key == "init_cfg" and (value or {}).get("type") == "Pretrained"):
            settings[key] = None
        elif isinstance(value, dict | list | tuple):
            forget_weights(value)


def load_batch(cfg: Config, batch_size: int) -> Any:
    """Return the first batch of the training, always with the same random numbers."""
    settings = dict(cfg.train_dataloader, num_workers=0)
    settings["batch_size"] = batch_size or settings["batch_size"]
    for of_workers in ("persistent_workers", "prefetch_factor", "worker_init_fn"):
        settings.pop(of_workers, None)
    return next(iter(Runner.build_dataloader(settings, seed=0)))


def time_step(step: Callable[[], None], device: str) -> float:
    """Return the seconds of a step: of the CPU, or on a GPU those that pass."""
    if torch.device(device).type == "cpu":
        start = time.process_time()
        step()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _find(name: str) -> Callable[..., Any]:
    """Import a function from the first of its homes that exists."""
    for home in _HOMES[name]:
        try:
            function: Callable[..., Any] = getattr(importlib.import_module(home), name)
        except ModuleNotFoundError:
            continue
        return function
    raise ImportError(f"This commit has {name} in none of {', '.join(_HOMES[name])}.")


if __name__ == "__main__":
    serve_steps()
