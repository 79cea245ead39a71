"""What the runs of a demo left behind: logs, configs, checkpoints, the summary."""

import json
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.experiments import comparisons
from perception_kd.experiments.summary import describe, pick_scores


def capitalize(text: str) -> str:
    """Return a text that begins with a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


# Names for a reader, by key.
PROTOCOLS = {name: capitalize(protocol.about) for name, protocol in comparisons.PROTOCOLS.items()}
PRETRAININGS = {name: method.about for name, method in comparisons.PRETRAININGS.items()}
ARMS = {name: capitalize(about) for name, about in comparisons.ARMS.items()}


class ClassMetric(NamedTuple):
    """A score that an evaluation gives class by class.

    Attributes:
        name: For a reader.
        pattern: Its keys, the class in parentheses.
        scale: What makes it a percentage.
    """

    name: str
    pattern: str
    scale: float


# By the first part of the keys of a protocol's metrics.
CLASS_METRICS = {
    "lidar_seg": ClassMetric("IoU", r"lidar_seg/iou_(.+)", 1.0),
    "nuscenes": ClassMetric("AP", r"nuscenes/AP_(.+)", 100.0),
    "map": ClassMetric("IoU at the best threshold", r"map/(.+)_iou_max", 1.0),
}


def task_of(protocol: str) -> str:
    """Return what a protocol judges: a key of ``CLASS_METRICS``."""
    return comparisons.PROTOCOLS[protocol].metrics[0].key.split("/")[0]


@dataclass(frozen=True)
class Run:
    """A folder that ``tools/train.py`` wrote.

    Attributes:
        folder: Its path.
    """

    folder: Path

    @property
    def config(self) -> Path | None:
        """The config as run, with all its settings; None before the run began."""
        return min(self.folder.glob("*.py"), default=None)

    @property
    def checkpoint(self) -> Path | None:
        """The last checkpoint; None before the first one."""
        pointer = self.folder / "last_checkpoint"
        if not pointer.is_file():
            return None
        # By its name, so that a work dir may be moved.
        path = self.folder / Path(pointer.read_text(encoding="utf-8").strip()).name
        return path if path.is_file() else None

    def training_curve(self, key: str) -> list[tuple[int, float]]:
        """Return a logged number of the training, by step."""
        rows = {row["step"]: row[key] for row in self._rows() if "lr" in row and key in row}
        return sorted(rows.items())

    def validations(self) -> list[tuple[int, dict[str, float]]]:
        """Return what each validation during the training found, by epoch."""
        rows = {row["step"]: row for row in self._rows() if "lr" not in row}
        return sorted(rows.items(), key=lambda item: item[0])

    def scores(self, key: str) -> dict[str, float]:
        """Return what the evaluation after the training found, else the last before.

        Empty where there was none.

        Args:
            key: A score that an evaluation has; what lacks it is another's.
        """
        for path in sorted(self.folder.glob("test/*/*.json"), reverse=True):
            scores = _parse(path.read_text(encoding="utf-8"))
            if key in scores:
                return scores
        found = [scores for _, scores in self.validations() if key in scores]
        return found[-1] if found else {}

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield the logged lines; those of a resumed run come after those before."""
        for path in sorted(self.folder.glob("*/vis_data/scalars.json")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = _parse(line)
                if "step" in row:
                    yield row


class Score(NamedTuple):
    """One metric of one arm under one protocol, in percent.

    Attributes:
        seeds: By seed.
        mean: Over the seeds.
        std: Of a sample (n - 1); None with one seed.
    """

    seeds: dict[str, float]
    mean: float
    std: float | None


@dataclass(frozen=True)
class WorkDir:
    """The folder of a demo.

    ::

        summary.json                     results, settings, seconds, versions
        pretrain/<method>/seed<k>/       runs of tools/train.py, for PRETRAININGS
        <protocol>/<arm>/seed<k>/        likewise, for PROTOCOLS and ARMS
        <protocol>/<arm>/seed<k>/test/   their evaluations by tools/test.py

    Whatever is missing is None or empty here.

    Attributes:
        path: The folder.
        summary: ``summary.json``.
    """

    path: Path
    summary: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "WorkDir":
        """Read a work dir.

        Raises:
            FileNotFoundError: If there is no such folder.
        """
        if not path.is_dir():
            raise FileNotFoundError(
                f"work_dir must be a folder, but got {path}, which is none; run make demo first."
            )
        summary = path / "summary.json"
        return cls(path, _parse(summary.read_text(encoding="utf-8")) if summary.is_file() else {})

    def pretrainings(self, method: str) -> dict[str, Run]:
        """Return the runs of a pre-training, by seed."""
        return self.runs("pretrain", method)

    def runs(self, protocol: str, arm: str) -> dict[str, Run]:
        """Return the runs of one arm under one protocol, by seed."""
        folders = [p for p in (self.path / protocol / arm).glob("seed*") if p.is_dir()]
        seeds = {folder.name.removeprefix("seed"): Run(folder) for folder in folders}
        return {seed: seeds[seed] for seed in sorted(seeds, key=lambda s: (len(s), s))}

    @property
    def protocols(self) -> list[str]:
        """Keys of the protocols that were asked for, as far as one can see."""
        asked = self.summary.get("settings", {}).get("protocols", {})
        return [
            name
            for name, protocol in comparisons.PROTOCOLS.items()
            if not protocol.full or name in asked or (self.path / name).is_dir()
        ]

    def scores(self, protocol: str, arm: str) -> dict[str, Score]:
        """Return the result of one arm by metric; empty where there is none.

        It is the summary's, else that of the runs so far.
        """
        entry = self.summary.get("results", {}).get(protocol, {}).get(arm)
        if not entry:
            metrics = comparisons.PROTOCOLS[protocol].metrics
            seeds = self._found(protocol, arm)
            percents = {seed: pick_scores(found, metrics) for seed, found in seeds.items()}
            by_metric = {m.name: {s: row[m.name] for s, row in percents.items()} for m in metrics}
            entry = {name: describe(values) for name, values in by_metric.items() if values}
        return {name: Score(**score) for name, score in entry.items()}

    def class_scores(self, protocol: str, arm: str) -> dict[str, float]:
        """Return the score of each class in percent, the mean over the seeds."""
        _, pattern, scale = CLASS_METRICS[task_of(protocol)]
        by_class: dict[str, list[float]] = {}
        for found in self._found(protocol, arm).values():
            for key, value in found.items():
                match = re.fullmatch(pattern, key)
                if match:
                    by_class.setdefault(match[1], []).append(scale * value)
        return {name: statistics.fmean(values) for name, values in by_class.items()}

    def _found(self, protocol: str, arm: str) -> dict[str, dict[str, float]]:
        """Return what the evaluations found, by seed."""
        key = comparisons.PROTOCOLS[protocol].metrics[0].key
        runs = self.runs(protocol, arm)
        return {seed: found for seed, run in runs.items() if (found := run.scores(key))}


def _parse(text: str) -> dict[str, Any]:
    """Parse a JSON object; empty where a run is just writing it."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
