"""Settings that a resumed training may change, and their effects.

- Rates, decay and schedule may change: they are built from the config as if the whole
  training so far had used it.
- The model, the data, the batches, the seed, the kind of optimizer and the precision
  may not: the weights and the state of the optimizer are those of another training.
- All else (logs, validation, checkpoints, workers, folders) may change.
"""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from perception_kd.checkpoints.stored_config import Difference, find_differences

_REBUILT = (
    "param_scheduler*",
    "train_cfg.max_epochs",
    "train_cfg.max_iters",
    "optim_wrapper.optimizer.*",
    "optim_wrapper.paramwise_cfg*",
    "optim_wrapper.clip_grad*",
    "auto_scale_lr*",
)
_FIXED = (
    "model",
    "model.*",
    "train_dataloader",
    "train_dataloader.*",
    "optim_wrapper",
    "optim_wrapper.*",
    "randomness*",
    "train_cfg.by_epoch",
    "train_cfg.type",
    "custom_hooks*",
    "sync_batch_norm",
    "data_preprocessor*",
    *(f"default_hooks.{name}*" for name in ("dataset_epoch", "epoch_seed", "sampler_seed")),
)
# Exceptions from these: how fast data is read, where it is, what a fresh start reads.
_FREE = (
    *(f"train_dataloader.{name}" for name in ("num_workers", "persistent_workers")),
    *(f"train_dataloader.{name}" for name in ("prefetch_factor", "pin_memory", "timeout")),
    "train_dataloader.*data_root",
    "train_dataloader.*info_root",
    "model.*checkpoint",
    "model.*init_cfg*",
    "model.*test_cfg*",
)
_OPTIMIZER_TYPE = "optim_wrapper.optimizer.type"
# Hooks that change no weights of a resumed training.
_IDLE_HOOKS = ("LoadPretrainedHook", "DrawPredictionsHook", "NonFiniteHook", "EmptyBatchesHook")


class Changes(NamedTuple):
    """Settings of a config that are not those of the checkpoint.

    Attributes:
        refused: Those that a resumed training may not change.
        rebuilt: Those of the rates and the schedule.
    """

    refused: tuple[Difference, ...]
    rebuilt: tuple[Difference, ...]


def compare_settings(stored: Mapping[str, Any], current: Mapping[str, Any]) -> Changes:
    """Compare the config of a checkpoint with that of the run that resumes from it.

    Args:
        stored: Settings of the checkpoint, from
            :func:`~perception_kd.checkpoints.stored_config.parse_config`.
        current: Settings of the run, likewise.
    """
    # Configs before 0.3 do not have it; with one process it has no effect.
    stored = {"sync_batch_norm": current.get("sync_batch_norm"), **stored}
    differences = list(find_differences(_without_idle(stored), _without_idle(current)))
    rebuilt = [each for each in differences if _is_rebuilt(each.name)]
    refused = [
        each
        for each in differences
        if not _is_rebuilt(each.name) and _matches(each.name, _FIXED) and not _is_free(each.name)
    ]
    return Changes(tuple(refused), tuple(rebuilt))


def _without_idle(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the hooks that change no weights of a resumed training."""
    hooks = settings.get("custom_hooks")
    kept = [
        hook
        for hook in (hooks if isinstance(hooks, list) else [])
        if not (isinstance(hook, Mapping) and hook.get("type") in _IDLE_HOOKS)
    ]
    return {**settings, "custom_hooks": kept}


def _is_rebuilt(name: str) -> bool:
    return _matches(name, _REBUILT) and name != _OPTIMIZER_TYPE


def _is_free(name: str) -> bool:
    return _matches(name, _FREE)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
