"""Check ``--cfg-options`` against the config and the classes that it builds."""

import difflib
import inspect
import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import Registry
from mmengine.runner import Runner

from perception_kd import registry
from perception_kd.engine.config.kinds import check_kind

_REGISTRIES = [value for value in vars(registry).values() if isinstance(value, Registry)]
# What mmengine takes out of settings before it passes them to a class.
_NOT_ARGUMENTS = {
    *("type", "_scope_", "_delete_"),
    *("priority", "constructor", "paramwise_cfg", "convert_to_iter_based"),
}
# Settings without a type, and the class that they are the arguments of.
_TYPES = {"load_pretrained_from": "LoadPretrainedHook"}


def check_places(settings: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Check that options lead to places that a config has.

    Args:
        settings: The config as a dict.
        options: Dotted name to value.

    Raises:
        ValueError: If one starts with a name that neither the config nor the runner
            knows, leads through a plain value, or to no entry of a list.
    """
    known = {*settings, *inspect.signature(Runner.__init__).parameters} - {"self"}
    for name in options:
        first = name.split(".")[0]
        if first not in known:
            advice = _suggest(first, known) or "see the config for its settings."
            raise ValueError(f"--cfg-options {name}: the config has no setting {first}; {advice}")
        _find_new(settings, name)


def check_new_settings(
    settings: Mapping[str, Any], options: Mapping[str, Any], merged: Mapping[str, Any]
) -> None:
    """Refuse new settings that their class does not take; warn of likely typos.

    A class with ``**kwargs`` is not judged: Python does that when the class is built.

    Args:
        settings: The config as a dict.
        options: Dotted name to value.
        merged: The config with the options.

    Raises:
        ValueError: If there is such a setting, or its default is of another kind.
    """
    new = (_find_new(settings, option) for option in options)
    for name in dict.fromkeys(name for name in new if name and "." in name):
        *parents, key = name.split(".")
        siblings: Any = merged
        for part in parents:
            siblings = siblings[int(part) if isinstance(siblings, list) else part]
        place = ".".join(part for part in parents if not part.isdigit())
        signatures = list(_find_signatures(siblings.get("type") or _TYPES.get(place)))
        accepted = {argument for signature in signatures for argument in signature.parameters}
        if key in accepted | _NOT_ARGUMENTS:
            for signature in signatures:
                _check_default(name, siblings[key], signature.parameters.get(key))
            continue
        if signatures and not any(map(_has_kwargs, signatures)):
            advice = _suggest(key, accepted) or f"it has {', '.join(sorted(accepted))}."
            owner = siblings.get("type") or place
            raise ValueError(f"--cfg-options {name}: {owner} has no argument {key}; {advice}")
        if advice := _suggest(key, accepted | {*siblings} - {key}, cutoff=0.85):
            print_log(
                f"--cfg-options {name}: the config has no such setting; {advice}",
                logger="current",
                level=logging.WARNING,
            )


def _check_default(name: str, value: Any, parameter: inspect.Parameter | None) -> None:
    """Compare the kind of a new setting with that of its default."""
    if parameter is not None and parameter.default is not parameter.empty:
        check_kind(name, value, parameter.default)


def _find_new(settings: Any, name: str) -> str | None:
    """Return an option's name up to the first part that the config lacks, if any."""
    parts = name.split(".")
    for number, part in enumerate(parts):
        place = ".".join(parts[:number])
        if isinstance(settings, list):
            if not part.isdigit() or int(part) >= len(settings):
                raise ValueError(
                    f"--cfg-options {name}: {place} has no entry {part}; it has {len(settings)}, "
                    "counted from 0."
                )
            settings = settings[int(part)]
        elif not isinstance(settings, Mapping):
            raise ValueError(f"--cfg-options {name}: {place} has no settings, it is {settings!r}.")
        elif part not in settings:
            return ".".join(parts[: number + 1])
        else:
            settings = settings[part]
    return None


def _suggest(key: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """Return a question after the name that was meant, or nothing."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=cutoff)
    return f"did you mean {close[0]}?" if close else ""


def _find_signatures(kind: Any) -> Iterator[inspect.Signature]:
    """Yield the signatures of all classes that a type may stand for."""
    found = [kind] if kind is not None and not isinstance(kind, str) else []
    if isinstance(kind, str):
        found = [each for each in (_look_up(kind, among) for among in _REGISTRIES) if each]
    for each in dict.fromkeys(found):
        try:
            yield inspect.signature(each)
        except (TypeError, ValueError):
            continue  # a class without a signature is not judged


def _has_kwargs(signature: inspect.Signature) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def _look_up(kind: str, among: Registry) -> Any:
    try:
        return among.get(kind)
    except RuntimeError:  # raised by mmengine for a dotted name that is not found
        return None
