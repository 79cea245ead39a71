"""Check numbers of a config that libraries read only in a step, or when they save."""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from perception_kd.utils.checks import is_number, is_whole

_HOOK = "default_hooks.checkpoint"
_TEMPLATE = re.compile(r"\w[\w.+-]{0,80}\{\}[\w.+-]{0,80}\.pth|\{\}[\w.+-]{0,80}\.pth")


class _Kind(NamedTuple):
    """Values allowed for a number: in words, as a test, and whether None is one."""

    words: str
    fits: Callable[[Any], bool]
    is_optional: bool = False


def _is_count(value: Any) -> bool:
    return is_whole(value) and value >= 1


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_not_negative(value: Any) -> bool:
    return is_number(value) and value >= 0


def _are_not_negative(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return all(map(_is_not_negative, values))


def _are_counts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_count, value))


_COUNT = _Kind("a whole number of at least 1", _is_count)
_COUNT_OR_NONE = _COUNT._replace(is_optional=True)
_COUNT_OR_ALL = _Kind(
    "a whole number of at least 1, or -1 for all", lambda x: _is_count(x) or x == -1
)
_COUNT_OR_LAST = _Kind(
    "a whole number of at least 1, or -1 for the last alone", lambda x: _is_count(x) or x == -1
)
_WHOLE = _Kind("a whole number of at least 0", lambda x: is_whole(x) and x >= 0)
_POSITIVE = _Kind("a number above 0", _is_positive)
_NORM = _Kind("a number above 0 or 'inf'", lambda x: _is_positive(x) or x == "inf")
_POSITIVE_OR_NONE = _POSITIVE._replace(is_optional=True)
_NOT_NEGATIVE = _Kind("a number of at least 0", _is_not_negative)
_RATES = _Kind("a number of at least 0, or one per group", _are_not_negative, is_optional=True)
_SWITCH = _Kind("True or False", lambda x: isinstance(x, bool), is_optional=True)
_WHOLE_OR_NONE = _WHOLE._replace(is_optional=True)
_STEPS = _Kind("a list of whole numbers of at least 1", _are_counts)
_SCALE = _Kind(
    "a number above 0 or 'dynamic'",
    lambda x: _is_positive(x) or x == "dynamic" or isinstance(x, Mapping),
)

# In this order: the first pattern that a dotted name has counts.
_KINDS = {
    "train_cfg.max_epochs": _COUNT_OR_NONE,
    "train_cfg.max_iters": _COUNT_OR_NONE,
    "train_cfg.val_interval": _COUNT,
    "train_cfg.val_begin": _WHOLE,
    "optim_wrapper.accumulative_counts": _COUNT,
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
    "param_scheduler*.step_size": _COUNT,
    "param_scheduler*.total_steps": _COUNT_OR_NONE,
    "param_scheduler*.milestones": _STEPS,
    "param_scheduler*.factor": _POSITIVE,
    "param_scheduler*.gamma": _POSITIVE,
    "param_scheduler*.power": _POSITIVE,
    f"{_HOOK}.interval": _COUNT_OR_LAST,
    f"{_HOOK}.max_keep_ckpts": _COUNT_OR_ALL,
    f"{_HOOK}.save_begin": _WHOLE,
    "default_hooks.*.interval": _COUNT,
    "log_processor.window_size": _COUNT,
    "log_processor.num_digits": _WHOLE,
    "auto_scale_lr.base_batch_size": _COUNT,
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
