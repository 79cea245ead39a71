"""Check numbers of a config that libraries read only in a step, or when they save."""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

from perception_kd.utils.checks import is_number
from perception_kd.utils.value_kinds import COUNT, WHOLE, ValueKind

_HOOK = "default_hooks.checkpoint"
_TEMPLATE = re.compile(r"\w[\w.+-]{0,80}\{\}[\w.+-]{0,80}\.pth|\{\}[\w.+-]{0,80}\.pth")


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_not_negative(value: Any) -> bool:
    return is_number(value) and value >= 0


def _are_not_negative(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return all(map(_is_not_negative, values))


def _are_counts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(COUNT.fits, value))


_COUNT_OR_NONE = ValueKind(COUNT.words, COUNT.fits, is_optional=True)
_COUNT_OR_ALL = ValueKind(
    "a whole number of at least 1, or -1 for all", lambda x: COUNT.fits(x) or x == -1
)
_COUNT_OR_LAST = ValueKind(
    "a whole number of at least 1, or -1 for the last alone", lambda x: COUNT.fits(x) or x == -1
)
_POSITIVE = ValueKind("a number above 0", _is_positive)
_NORM = ValueKind("a number above 0 or 'inf'", lambda x: _is_positive(x) or x == "inf")
_POSITIVE_OR_NONE = _POSITIVE._replace(is_optional=True)
_NOT_NEGATIVE = ValueKind("a number of at least 0", _is_not_negative)
_RATES = ValueKind("a number of at least 0, or one per group", _are_not_negative, is_optional=True)
_SWITCH = ValueKind("True or False", lambda x: isinstance(x, bool), is_optional=True)
_WHOLE_OR_NONE = ValueKind(WHOLE.words, WHOLE.fits, is_optional=True)
_STEPS = ValueKind("a list of whole numbers of at least 1", _are_counts)
_SCALE = ValueKind(
    "a number above 0 or 'dynamic'",
    lambda x: _is_positive(x) or x == "dynamic" or isinstance(x, Mapping),
)

# In this order: the first pattern that a dotted name has counts.
_KINDS = {
    "train_cfg.max_epochs": _COUNT_OR_NONE,
    "train_cfg.max_iters": _COUNT_OR_NONE,
    "train_cfg.val_interval": COUNT,
    "train_cfg.val_begin": WHOLE,
    "optim_wrapper.accumulative_counts": COUNT,
    "optim_wrapper.clip_grad.max_norm": _POSITIVE,
    "optim_wrapper.clip_grad.norm_type": _NORM,
    "optim_wrapper.clip_grad.clip_value": _POSITIVE,
    "optim_wrapper.loss_scale": _SCALE,
    "optim_wrapper.optimizer.lr": _POSITIVE,
    "optim_wrapper.paramwise_cfg*_mult": _NOT_NEGATIVE,
    "param_scheduler*.begin": _NOT_NEGATIVE,
    "param_scheduler*.end": _NOT_NEGATIVE,
    "param_scheduler*.T_max": _POSITIVE_OR_NONE,
    "param_scheduler*.eta_*": _RATES,
    "param_scheduler*.step_size": COUNT,
    "param_scheduler*.total_steps": _COUNT_OR_NONE,
    "param_scheduler*.milestones": _STEPS,
    "param_scheduler*.factor": _POSITIVE,
    "param_scheduler*.gamma": _POSITIVE,
    "param_scheduler*.power": _POSITIVE,
    f"{_HOOK}.interval": _COUNT_OR_LAST,
    f"{_HOOK}.max_keep_ckpts": _COUNT_OR_ALL,
    f"{_HOOK}.save_begin": WHOLE,
    "default_hooks.*.interval": COUNT,
    "log_processor.window_size": COUNT,
    "log_processor.num_digits": WHOLE,
    "auto_scale_lr.base_batch_size": COUNT,
    "auto_scale_lr.enable": _SWITCH,
    "randomness.deterministic": _SWITCH,
    "randomness.diff_rank_seed": _SWITCH,
    "*_dataloader.sampler.seed": _WHOLE_OR_NONE,
    "*_dataloader.drop_last": _SWITCH,
    "*_dataloader.pin_memory": _SWITCH,
    "*_dataloader.persistent_workers": _SWITCH,
    "env_cfg.dist_cfg.timeout": _POSITIVE_OR_NONE,
}


def check_bounds(settings: Mapping[str, Any]) -> None:
    """Check numbers and names that would end a training long after its start.

    Args:
        settings: The config as a dict.

    Raises:
        ValueError: If one is of another kind or out of bounds, or checkpoints have no
            names of their own, or are never saved.
    """
    for name, value in _walk(settings):
        kind = next((_KINDS[x] for x in _KINDS if fnmatch.fnmatchcase(name, x)), None)
        if kind is None or kind.fits(value) or (value is None and kind.is_optional):
            continue
        raise ValueError(
            f"{name} must be {kind.words}, but got {value!r}; correct it in the config or with "
            "--cfg-options."
        )
    hooks = settings.get("default_hooks") or {}
    is_stepped = bool(hooks.get("param_scheduler", True))
    if settings.get("param_scheduler") and not is_stepped:
        raise ValueError(
            "default_hooks.param_scheduler is what steps the schedule of param_scheduler; leave "
            "it, or set param_scheduler=[] for constant rates."
        )
    hook = hooks.get("checkpoint")
    if isinstance(hook, Mapping):
        _check_names(hook.get("filename_tmpl"))
        _check_saved(hook)


def _walk(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each setting, lists and dicts included."""
    items = enumerate(settings) if isinstance(settings, list | tuple) else settings.items()
    for key, value in items:
        inner = f"{name}.{key}" if name else str(key)
        yield inner, value
        if isinstance(value, Mapping | list | tuple):
            yield from _walk(value, inner)


def _check_names(template: Any) -> None:
    """Refuse a template that gives several checkpoints one name, or none."""
    if template is None:
        return
    if not isinstance(template, str) or not _TEMPLATE.fullmatch(template):
        raise ValueError(
            f"{_HOOK}.filename_tmpl must be the name of a file with {{}} for the number of "
            f"epochs or steps, such as epoch_{{}}.pth, but got {template!r}."
        )


def _check_saved(hook: Mapping[str, Any]) -> None:
    is_never_due = hook.get("interval", -1) == -1 and hook.get("save_last", True) is False
    if is_never_due and hook.get("save_best") is None:
        raise ValueError(
            f"{_HOOK} saves nothing with interval=-1 and save_last=False; give an interval, or "
            "leave save_last out."
        )
