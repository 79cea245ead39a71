"""Stop a run at the first number that is NaN or infinite."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.matching import list_names
from perception_kd.engine.resume.random_states import get_random_states
from perception_kd.engine.steps.batch_checks import check_inputs, check_outputs, name_samples
from perception_kd.engine.steps.record import write_step
from perception_kd.registry import HOOKS
from perception_kd.utils.finite import are_finite, find_nonfinite


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Stop before the weights change, and save the step.

    The hook checks the inputs of each batch; the loss terms, gradients and weights of
    each step, by one number that all processes share, so that all of them stop; the
    content of a checkpoint before it is written; and the outputs of each validation or
    test. The error names the iteration, the samples and the first value that is not
    finite. The step is saved in the work dir as
    ``nonfinite_iter_N.pth``, with which ``tools/train.py CONFIG --replay`` runs it
    again.

    In mixed precision the scaler skips steps whose gradients are infinite and lowers
    its scale. That is not an error unless it does so many times in a row.

    Args:
        max_skipped: Number of steps in a row that the scaler may skip.

    Raises:
        ValueError: If ``max_skipped`` is not positive.
    """

    priority = "HIGH"

    def __init__(self, max_skipped: int = 30) -> None:
        if max_skipped < 1:
            raise ValueError(f"max_skipped must be positive, but got {max_skipped}.")
        self.max_skipped = max_skipped
        self._num_skipped = 0
        self._iteration = 0
        self._stepped = False
        self._losses: Mapping[str, Any] = {}
        self._trained: list[Tensor] = []
        self._statistics: list[Tensor] = []
        self._batch: Any = None
        self._random_states: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Watch the losses of the model and the steps of the optimizer."""

        def keep_losses(module: Module, args: Any, output: Any) -> None:
            if module.training and isinstance(output, Mapping):
                self._losses = {name: v for name, v in output.items() if "loss" in name}

        def check_step(optimizer: Any, args: Any, kwargs: Any) -> None:
            self._check_step(runner)

        model = _unwrap(runner.model)
        self._trained = [p for p in model.parameters() if p.requires_grad]
        self._statistics = [b for b in model.buffers() if b.is_floating_point()]
        model.register_forward_hook(keep_losses)
        runner.optim_wrapper.optimizer.register_step_pre_hook(check_step)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Check the inputs and keep what is needed to run the step again."""
        check_inputs(data_batch)
        self._batch, self._random_states = data_batch, get_random_states()
        self._iteration, self._stepped = runner.iter + 1, False

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the losses of iterations without a step, and count skipped steps."""
        if self._stepped:
            self._num_skipped = 0
            return
        if _is_bad_anywhere(self._loss_values(), []):
            self._stop(runner, self._describe(runner))
        if runner.optim_wrapper.should_update():
            self._num_skipped += 1
        if self._num_skipped >= self.max_skipped:
            scale = runner.optim_wrapper.loss_scaler.get_scale()
            self._stop(
                runner,
                f"the gradients of {self._num_skipped} steps in a row, in mixed precision with a "
                f"loss scaled by only {scale:g}",
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Refuse to write weights or the optimizer's statistics if not finite."""
        if names := find_nonfinite(checkpoint["state_dict"]):
            self._stop(runner, f"the weights {list_names(names)}")
        statistics = checkpoint.get("optimizer", {}).get("state", {})
        if names := find_nonfinite(statistics):
            # Adam divides by the root of such a square: the parameter stays as it is.
            self._stop(
                runner,
                f"statistics of the optimizer, {list_names(names)}. Squares of large "
                "gradients overflowed; limit gradients with clip_grad",
            )

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Check the inputs."""
        check_inputs(data_batch)

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Check the inputs."""
        check_inputs(data_batch)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Check the predictions or losses."""
        check_outputs(data_batch, outputs)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Check the predictions or losses."""
        check_outputs(data_batch, outputs)

    def _check_step(self, runner: Runner) -> None:
        """Check losses and gradients; called before the optimizer's step."""
        gradients = [p.grad for p in self._trained if p.grad is not None]
        values = [*gradients, *self._trained, *self._statistics]
        if not _is_bad_anywhere(self._loss_values(), values):
            self._stepped = True
        elif not _scales_losses(runner) or _is_bad_anywhere(
            self._loss_values(), [*self._trained, *self._statistics]
        ):
            self._stop(runner, self._describe(runner))

    def _loss_values(self) -> list[Tensor]:
        values: list[Tensor] = []
        for value in self._losses.values():
            values += value if isinstance(value, list | tuple) else [value]
        return [value.detach() for value in values]

    def _describe(self, runner: Runner) -> str:
        """Name what is not finite: weights before the step, losses or gradients."""
        model = _unwrap(runner.model)
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        for kind, values in (
            ("the weights", dict(model.state_dict())),
            ("", dict(self._losses)),
            ("the gradients of", gradients),
        ):
            if names := find_nonfinite(values):
                return f"{kind} {list_names(names)}".strip()
        return "the loss of another process"

    def _stop(self, runner: Runner, place: str) -> None:
        problem = f"NaN or infinity in {place}"
        losses = ", ".join(f"{name} {_total(value):g}" for name, value in self._losses.items())
        rates = sorted({group["lr"] for group in runner.optim_wrapper.param_groups})
        raise ValueError(
            f"Training stopped in iteration {self._iteration}: {problem}. Samples: "
            f"{name_samples(self._batch)}. Losses: {losses}. If the learning rate "
            f"({', '.join(f'{rate:g}' for rate in rates)}) is too high, lower it; to see where "
            f"the values come from, {self._save(runner, problem)}"
        )

    def _save(self, runner: Runner, problem: str) -> str:
        """Save the step, and say how to run it again."""
        folder = Path(runner.work_dir)
        rank = f"_rank{runner.rank}" if runner.world_size > 1 else ""
        path = folder / f"nonfinite_iter_{self._iteration}{rank}.pth"
        config = folder / Path(runner.cfg.filename or "CONFIG").name
        step = (self._batch, self._random_states, self._iteration, problem)
        try:
            write_step(path, _unwrap(runner.model), *step)
        except OSError as error:
            return f"make room for {path}, which could not be written ({error})."
        command = ["python", "tools/train.py", str(config), "--replay", str(path)]
        return f"run this step again: {shlex.join(command)}"


def _is_bad_anywhere(losses: list[Tensor], others: list[Tensor]) -> bool:
    """Return whether any value is not finite, in any process."""
    values = [*losses, *others]
    if not values:
        return False
    bad = (~are_finite(values)).to(values[0].device, torch.float)
    all_reduce(bad, op="max")
    return bool(bad)


def _scales_losses(runner: Runner) -> bool:
    scaler = getattr(runner.optim_wrapper, "loss_scaler", None)
    return scaler is not None and scaler.is_enabled()


def _total(value: Any) -> float:
    parts = value if isinstance(value, list | tuple) else [value]
    return sum(float(part.detach().sum()) for part in parts)


def _unwrap(model: Any) -> Module:
    inner: Module = model.module if is_model_wrapper(model) else model
    return inner
