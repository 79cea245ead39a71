"""A label sweep: its tasks, shares of the labels, initializations and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from perception_kd.experiments.trials import RANDOM, Comparison, Pretraining, Protocol

_T = TypeVar("_T")
_MAX_SEEDS = 1000


class LabelSweepData(NamedTuple):
    """The data of a label sweep.

    Attributes:
        synthetic: Options of ``tools/create_data.py synthetic``; None for data that
            exist.
        data_root: Folder of the data set; None for the default of synthetic data.
        info_root: Folder of its info files and caches; None for the data root.
        dataset: Prefix of the info files; empty for that of the configs.
        classes: Classes of boxes or points; empty for those of the configs.
    """

    synthetic: tuple[str, ...] | None
    data_root: Path | None
    info_root: Path | None
    dataset: str = ""
    classes: tuple[str, ...] = ()


class LabelSweepTask(NamedTuple):
    """A training on shares of the labels, and its evaluation.

    Attributes:
        about: Name for the reader.
        protocols: What is run, by share of the labels in percent.
    """

    about: str
    protocols: Mapping[float, Protocol]


class Cell(NamedTuple):
    """A task with one share of the labels.

    Attributes:
        task: Key of the task.
        share: Share of the labels in percent.
    """

    task: str
    share: float

    @property
    def key(self) -> str:
        """Key of its protocol, also the name of its folder.

        Example:
            >>> Cell("probe", 10.0).key, Cell("probe", 0.5).key
            ('probe_10pct', 'probe_0p5pct')
        """
        return f"{self.task}_{self.share:g}pct".replace(".", "p")


@dataclass(frozen=True)
class LabelSweepPlan:
    """Initializations that are compared on tasks with shares of the labels.

    Attributes:
        name: Name of its file.
        about: Title of its report.
        data: Where the data are, or how they are made.
        initializations: Pre-trainings by key, besides random weights.
        tasks: Tasks by key.
        seeds: Number of seeds; they are 0 .. seeds - 1.
        baseline: Key of the initialization that the others are compared with.
    """

    name: str
    about: str
    data: LabelSweepData
    initializations: Mapping[str, Pretraining]
    tasks: Mapping[str, LabelSweepTask]
    seeds: int = 3
    baseline: str = RANDOM

    def __post_init__(self) -> None:
        """Check the number of seeds.

        Raises:
            ValueError: If it is not positive, or above 1000.
        """
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, but got {self.seeds}.")
        if self.seeds > _MAX_SEEDS:
            raise ValueError(
                f"seeds must be at most {_MAX_SEEDS}, but got {self.seeds}; correct it."
            )

    def cells(self) -> list[Cell]:
        """Return all tasks with all their shares of the labels, small ones first."""
        return [Cell(key, share) for key, task in self.tasks.items() for share in task.protocols]

    @property
    def comparison(self) -> Comparison:
        """The label sweep as pre-trainings and protocols."""
        protocols = {cell.key: self.tasks[cell.task].protocols[cell.share] for cell in self.cells()}
        used = {key for protocol in protocols.values() for key in protocol.pretrainings}
        teachers = {self.initializations[key].teacher for key in used}
        needed = {k: p for k, p in self.initializations.items() if k in used | teachers}
        return Comparison(needed, protocols, self.seeds)

    def baseline_of(self, task: str) -> str:
        """Return the initialization that the others are compared with in a task."""
        protocols = self.tasks[task].protocols.values()
        has_baseline = all(self.baseline in protocol.initializations for protocol in protocols)
        return self.baseline if has_baseline else RANDOM


def for_share(values: Mapping[float, _T], share: float) -> _T | None:
    """Return the value of a setting for a share of the labels.

    Args:
        values: Values by the largest share in percent that has them.
        share: Share of the labels in percent.

    Returns:
        The value; None if the share is larger than any that has one.

    Example:
        >>> for_share({10: 60, 100: 10}, 5), for_share({10: 60, 100: 10}, 20)
        (60, 10)
    """
    return next((value for largest, value in sorted(values.items()) if share <= largest), None)
