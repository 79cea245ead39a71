"""Settings that the command line gives and the config does not have: often typos."""

import difflib
import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import Registry
from mmengine.runner import Runner

from perception_kd import registry

_REGISTRIES = [value for value in vars(registry).values() if isinstance(value, Registry)]
# What mmengine takes out of settings before it hands them to a class.
_NOT_ARGUMENTS = {
    *("type", "_scope_", "_delete_"),
    *("priority", "constructor", "paramwise_cfg", "convert_to_iter_based"),
}
# Classes whose arguments stand in a setting of the config, or in a list there, without
# a type.
_TYPES = {"load_pretrained_from": "LoadPretrainedHook"}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class NewSetting:
    """A setting that an option adds to a config.

    Attributes:
        name: Dotted name, as far as it leads to what is new.
        siblings: Names of the settings beside it.
        arguments: Names of the arguments of the class that the settings beside it are
            for; none where no class is named.
        is_closed: Whether that class takes no others.
        owner: Name of the class, or dotted name of the settings.
    """

    name: str
    siblings: tuple[str, ...]
    arguments: tuple[str, ...]
    is_closed: bool
    owner: str

    @property
    def key(self) -> str:
        """The last part of the name."""
        return self.name.split(".")[-1]

    def advice(self, cutoff: float = 0.6) -> str:
        """Return a question after the name that was meant, or nothing."""
        known = {*self.siblings, *self.arguments} - {self.key}
        close = difflib.get_close_matches(self.key, known, n=1, cutoff=cutoff)
        return f"did you mean {close[0]}?" if close else ""

    def refusal(self) -> str:
        """Return the error of a setting that nothing takes."""
        advice = self.advice() or f"it has {', '.join(sorted(self.arguments or self.siblings))}."
        return (
            f"--cfg-options must name what {self.owner} takes, but got {self.name}, which it does "
            f"not; {advice}"
        )


def new_settings(
    settings: Mapping[str, Any], options: Mapping[str, Any], merged: Mapping[str, Any]
) -> Iterator[NewSetting]:
    """Yield what options add to a config.

    Args:
        settings: The config as a dict.
        options: Dotted name to value.
        merged: The config with the options.
    """
    for name in dict.fromkeys(filter(None, (_leaves(settings, option) for option in options))):
        *parents, key = name.split(".")
        beside: Any = merged
        for part in parents:
            beside = beside[int(part)] if isinstance(beside, list) else beside[part]
        if key in _NOT_ARGUMENTS:
            continue
        kind = beside.get("type") or _TYPES.get(".".join(p for p in parents if not p.isdigit()))
        takers = list(_takers(kind))
        yield NewSetting(
            name=name,
            siblings=tuple(sibling for sibling in beside if sibling != key),
            arguments=tuple(dict.fromkeys(each for taker in takers for each in taker.arguments)),
            is_closed=bool(takers) and all(taker.is_closed for taker in takers),
            owner=" or ".join(t.name for t in takers) or ".".join(parents) or "the config",
        )


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
            close = difflib.get_close_matches(first, known, n=1)
            advice = f"did you mean {close[0]}?" if close else "see the config for its names."
            raise ValueError(
                f"--cfg-options must name a setting of the config, but got {name}; {advice}"
            )
        _leaves(settings, name)


def check_new_settings(
    settings: Mapping[str, Any], options: Mapping[str, Any], merged: Mapping[str, Any]
) -> None:
    """Refuse new settings that their class does not take; warn of likely typos.

    A class that hands further arguments on is not judged: Python does that later.

    Args:
        settings: The config as a dict.
        options: Dotted name to value.
        merged: The config with the options.

    Raises:
        ValueError: If there is such a setting.
    """
    for new in new_settings(settings, options, merged):
        if new.key in new.arguments or "." not in new.name:
            continue
        if new.is_closed:
            raise ValueError(new.refusal())
        if advice := new.advice(cutoff=0.85):
            print_log(
                f"--cfg-options adds {new.name}, which the config does not have; {advice}",
                logger="current",
                level=logging.WARNING,
            )


def _leaves(settings: Any, name: str) -> str | None:
    """Return an option's name up to the first part that is new; None if none is."""
    parts = name.split(".")
    for number, part in enumerate(parts):
        place = ".".join(parts[:number])
        if isinstance(settings, list):
            if not part.isdigit() or int(part) >= len(settings):
                raise ValueError(
                    f"--cfg-options must name one of the {len(settings)} entries of {place}, "
                    f"counted from 0, but got {name}."
                )
            settings = settings[int(part)]
        elif not isinstance(settings, Mapping):
            raise ValueError(
                f"--cfg-options must name a setting, but got {name}, and {place} has no settings: "
                f"it is {settings!r}."
            )
        elif part not in settings:
            return ".".join(parts[: number + 1])
        else:
            settings = settings[part]
    return None


@dataclass(frozen=True)
class _Taker:
    """A class or function that settings are for; the names of its arguments."""

    name: str
    arguments: tuple[str, ...]
    is_closed: bool


def _takers(kind: Any) -> Iterator[_Taker]:
    """Yield what a type may stand for."""
    found = [kind] if kind is not None and not isinstance(kind, str) else []
    if isinstance(kind, str):
        found = [each for each in (_look_up(kind, among) for among in _REGISTRIES) if each]
    for each in dict.fromkeys(found):
        try:
            own = inspect.signature(each).parameters.values()
            named = (p.name for p in _parameters(each) if p.kind in _NAMED and p.name != "self")
            yield _Taker(each.__name__, tuple(dict.fromkeys(named)), not _hands_on(own))
        except (AttributeError, TypeError, ValueError):
            continue  # what has no signature is not judged


def _parameters(kind: Any) -> Iterator[inspect.Parameter]:
    """Yield parameters, of base classes too as long as arguments are handed on."""
    classes = inspect.getmro(kind) if inspect.isclass(kind) else ()
    bases = [vars(each)["__init__"] for each in classes if "__init__" in vars(each)]
    for function in dict.fromkeys([kind, *bases]):
        parameters = inspect.signature(function).parameters.values()
        yield from parameters
        if not _hands_on(parameters):
            return


def _hands_on(parameters: Iterable[inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _look_up(kind: str, among: Registry) -> Any:
    try:
        return among.get(kind)
    except RuntimeError:  # how mmengine says that a dotted name is none
        return None
