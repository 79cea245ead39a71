"""Checked reading of the settings of a label sweep's file."""

from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any, TypeVar

from perception_kd.experiments.stages import ExperimentError

_T = TypeVar("_T")


class Fields:
    """A dict of settings, each of which is read once.

    Args:
        place: Where the dict is, for errors: file and names.
        values: The dict.
        known: Names that it may have.

    Raises:
        ExperimentError: If it is not a dict or has another name.
    """

    def __init__(self, place: str, values: Any, known: Collection[str]) -> None:
        self.place = place
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise ExperimentError(
                f"{place} must be a dict with names, but is {values!r:.60}; correct it."
            )
        self._values = dict(values)
        unknown = [key for key in values if key not in known]
        if unknown:
            raise ExperimentError(
                f"{place} has no setting {unknown[0]}; it has {', '.join(sorted(known))}. "
                "Correct it."
            )

    def has(self, name: str) -> bool:
        """Return whether a setting is given."""
        return name in self._values

    def get(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        """Return a setting.

        Args:
            name: Its name.
            kind: Its type; lists may also be tuples.
            default: Value where it is missing; None if it must be given.

        Raises:
            ExperimentError: If it is missing or of another type.
        """
        if name not in self._values and default is not None:
            return default
        value = self._values.get(name)
        if kind is list and isinstance(value, tuple):
            value = list(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = f"is {value!r:.60}" if name in self._values else "is missing"
            raise ExperimentError(
                f"{self.place}.{name} must be a {kind.__name__}, but {found}; correct it."
            )
        return value

    def texts(self, name: str, default: Collection[str] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        values = self.get(name, list, list(default))
        if not all(isinstance(value, str) for value in values):
            raise ExperimentError(f"{self.place}.{name} must be a list of texts; correct it.")
        return tuple(values)

    def shares(self, name: str, default: Collection[float] = ()) -> tuple[float, ...]:
        """Return a list of shares in percent, small ones first."""
        values: list[Any] = self.get(name, list, list(default) or None)
        if not values or not all(_is_share(value) for value in values):
            raise ExperimentError(
                f"{self.place}.{name} must be a list of shares in percent, above 0 and at most "
                f"100, but is {values!r:.60}; correct it."
            )
        return tuple(sorted(set(map(float, values))))

    def by_share(self, name: str, kind: type[_T]) -> dict[float, _T]:
        """Return values by the largest share that has them; empty if none is given.

        One value in the file is that of all shares.
        """
        value = self._values.get(name)
        if value is None:
            return {}
        if isinstance(value, kind) and not isinstance(value, bool):
            return {100.0: value}
        if not isinstance(value, Mapping) or not all(
            _is_share(key) and isinstance(entry, kind) for key, entry in value.items()
        ):
            raise ExperimentError(
                f"{self.place}.{name} must be a {kind.__name__}, or a dict of them by the largest "
                f"share in percent that has them, such as {{10: ..., 100: ...}}, but is "
                f"{value!r:.60}; correct it."
            )
        return {float(key): entry for key, entry in value.items()}


def _is_share(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) <= 100
