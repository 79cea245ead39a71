"""Mappings of a rig file, read key by key with errors that name them."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.io.info_fields import show


class RigError(ValueError):
    """A value of a rig file that cannot be used; names file and key."""


class RigSection:
    """One mapping of a rig file.

    Every method that reads a key makes it known; :meth:`close` refuses the others.

    Args:
        value: The mapping, as YAML gives it.
        path: The rig file, for errors.
        where: Keys above, such as ``cameras.front``; empty at the top.

    Raises:
        RigError: If the value is not a mapping.
    """

    def __init__(self, value: Any, path: Path, where: str = "") -> None:
        self.path, self.where = path, where
        if not isinstance(value, Mapping):
            raise self.error("", f"must be a mapping of keys to values, but is {show(value)}")
        self._value = {str(key): item for key, item in value.items()}
        self._known: dict[str, None] = {}

    def error(self, key: str, fault: str, remedy: str = "") -> RigError:
        """Return an error about a key of this section.

        Args:
            key: The key; empty means the section itself.
            fault: What is wrong, as the end of a sentence about the key.
            remedy: What to do; by default, to see the documentation.
        """
        return RigError(
            f"{self.path}: {self.name(key)} {fault}; "
            f"{remedy or 'see the keys of a rig file in docs/your_data.md'}."
        )

    def name(self, key: str) -> str:
        """Return a key with the keys above it."""
        return ".".join(filter(None, [self.where, key])) or "the file"

    def has(self, *keys: str) -> list[str]:
        """Return those of some keys that have a value, and make all of them known."""
        self._known |= dict.fromkeys(keys)
        return [key for key in keys if self._value.get(key) is not None]

    def one_of(self, *keys: str) -> str:
        """Return the one key of several that has a value.

        Raises:
            RigError: If none has, or more than one.
        """
        found = self.has(*keys)
        if len(found) == 1:
            return found[0]
        if found:
            raise self.error("", f"has {' and '.join(found)}", "keep one of them")
        known = ", ".join(keys)
        raise self._missing("", f"must have one of the keys {known}", keys)

    def value(self, key: str) -> Any:
        """Return the value of a key as YAML gives it.

        Raises:
            RigError: If it is missing.
        """
        if not self.has(key):
            raise self._missing(key, "is missing", [key])
        return self._value[key]

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text, or the default if the key is missing and there is one.

        Raises:
            RigError: If it is missing, empty, or not a printable text.
        """
        if default is not None and not self.has(key):
            return default
        value = self.value(key)
        if not isinstance(value, str) or not value or not value.isprintable():
            raise self.error(key, f"must be a text, but is {show(value)}", "write it in quotes")
        return value

    def path_text(self, key: str) -> str:
        """Return a path within the root, as text with slashes.

        Raises:
            RigError: If it is missing or leaves the root.
        """
        value = self.text(key)
        if value.startswith(("/", "~")) or ".." in value.split("/") or "\\" in value:
            raise self.error(key, f"is {value!r}", "it must be a path within --root, with slashes")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of some texts.

        Raises:
            RigError: If it is missing and has no default, or is none of ``choices``.
        """
        value = self.text(key, default)
        if value not in choices:
            hint = suggest(value, choices)
            raise self.error(key, f"is {value!r}", f"{hint}it must be one of {', '.join(choices)}")
        return value

    def number(
        self, key: str, lowest: float, largest: float = math.inf, default: float | None = None
    ) -> float:
        """Return a number within bounds, ends included.

        Raises:
            RigError: If it is missing and has no default, or is not such a number.
        """
        if default is not None and not self.has(key):
            return default
        value = as_number(self.value(key))
        if value is None or not lowest <= value <= largest:
            bounds = f"at least {lowest:g}" if math.isinf(largest) else f"{lowest:g} .. {largest:g}"
            raise self.error(key, f"is {show(self._value[key])}", f"it must be a number, {bounds}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false, or the default if the key is missing.

        Raises:
            RigError: If it is anything else.
        """
        value = self.value(key) if self.has(key) else default
        if not isinstance(value, bool):
            raise self.error(key, f"is {show(value)}", "it must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, not empty.

        Raises:
            RigError: If it is missing, empty, or holds anything but texts.
        """
        value = self.value(key)
        if not isinstance(value, list) or not value or not all(isinstance(x, str) for x in value):
            raise self.error(
                key, f"must be a list of texts, but is {show(value)}", "write it as [a, b]"
            )
        return tuple(value)

    def section(self, key: str) -> "RigSection":
        """Return the mapping of a key."""
        return RigSection(self.value(key), self.path, self.name(key))

    def keys(self) -> list[str]:
        """Return all keys that are there, and make them known."""
        return self.has(*self._value)

    def close(self) -> None:
        """Refuse keys that nothing has asked for.

        Raises:
            RigError: If there is one.
        """
        for key in self._value:
            if key not in self._known:
                known = ", ".join(self._known)
                hint = suggest(key, self._known)
                raise self.error(
                    key, "is an unknown key", f"{hint}correct it, known ones here are {known}"
                )

    def _missing(self, key: str, fault: str, keys: Iterable[str]) -> RigError:
        """Return the error of a missing key, with what was perhaps meant by another."""
        others = [other for other in self._value if other not in self._known]
        for wanted in keys:
            if close := difflib.get_close_matches(wanted, others, n=1):
                return self.error(key, fault, f"the key {close[0]!r} is perhaps meant: rename it")
        return self.error(key, fault)


def suggest(word: str, known: Collection[str]) -> str:
    """Return a question for the nearest known word; empty if none is near."""
    by_lower = {name.lower(): name for name in known}
    close = [by_lower[x] for x in difflib.get_close_matches(word.lower(), by_lower, n=1)]
    return f"did you mean {close[0]!r}? " if close else ""


def as_number(value: Any) -> float | None:
    """Return a finite number of YAML, or None.

    YAML 1.1 reads ``1e-3`` as text, so texts of numbers count.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
