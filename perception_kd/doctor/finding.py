"""Results of the checks: findings, and many faults of one kind in one finding."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, NamedTuple

_MAX_PLACES = 20


class Level(str, Enum):
    """Severity of a finding."""

    OK = "ok"
    """It was checked and is as it should be."""
    WARNING = "warning"
    """A run works, but perhaps not as intended."""
    ERROR = "error"
    """A run stops, or learns from wrong data."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        level: How serious it is.
        area: What was checked: "environment", "machine", "info file", "data", "cache",
            "pipeline", "checkpoint" or "device".
        what: What was found.
        where: File, and field in it; empty if there is none.
        remedy: What to do; empty if nothing has to be done.
        count: Number of files or entries that it is about.
        places: The first of all places, if there are several.
        numbers: Figures of the text by name, for programs.
    """

    level: Level
    area: str
    what: str
    where: str = ""
    remedy: str = ""
    count: int = 1
    places: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the finding as one line, without its level and area."""
        where = "" if not self.where or self.where in self.what else f"{self.where}: "
        remedy = f" -> {self.remedy}" if self.remedy else ""
        return " ".join(f"{where}{self.what}{remedy}".split())

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON types."""
        return {**asdict(self), "level": self.level.value, "places": list(self.places)}


class FaultKind(NamedTuple):
    """A kind of fault that many files or entries can have.

    Attributes:
        level: How serious it is.
        area: What was checked, such as "data".
        noun: What has the fault, in the plural, such as "images".
        remedy: What to do.
    """

    level: Level
    area: str
    noun: str
    remedy: str


class Fault(NamedTuple):
    """One fault of one file or entry; it can be sent between processes.

    Attributes:
        kind: Name of its :class:`FaultKind`.
        where: File, and field in it.
        what: What is wrong with it.
    """

    kind: str
    where: str
    what: str


def group_faults(faults: Iterable[Fault], kinds: Mapping[str, FaultKind]) -> Iterator[Finding]:
    """Yield one finding for each kind of fault, with the first fault as an example.

    Args:
        faults: Faults in the order in which they were found.
        kinds: The kinds by name; findings have their order.
    """
    by_kind: dict[str, list[Fault]] = {name: [] for name in kinds}
    for fault in faults:
        by_kind[fault.kind].append(fault)
    for name, found in by_kind.items():
        if not found:
            continue
        level, area, noun, remedy = kinds[name]
        first = found[0]
        what = f"{len(found)} {noun}, the first: {first.what}" if len(found) > 1 else first.what
        places = tuple(fault.where for fault in found[:_MAX_PLACES])
        yield Finding(level, area, what, first.where, remedy, len(found), places)


def worst_level(findings: Iterable[Finding]) -> Level:
    """Return the most serious level of findings; OK without any."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
