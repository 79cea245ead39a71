"""The work dir of a demo, read for the report."""

import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.experiments import comparisons
from perception_kd.experiments.report.stored import Damage
from perception_kd.experiments.report.summary_file import Score, read_summary
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.results import average, pick_scores
from perception_kd.experiments.trials import Comparison
from perception_kd.utils.project_files import find_project_files

# Folder of this project, which the configs of a comparison are relative to.
PROJECT = find_project_files()


class ClassMetric(NamedTuple):
    """A score that an evaluation reports per class.

    Attributes:
        name: Name for the reader.
        pattern: Regular expression of its keys; the group is the class.
        scale: Factor that makes it a percentage.
    """

    name: str
    pattern: str
    scale: float


# By task of a protocol.
CLASS_METRICS = {
    "lidar_seg": ClassMetric("IoU", r"lidar_seg/iou_(.+)", 1.0),
    "nuscenes": ClassMetric("AP", r"nuscenes/AP_(.+)", 100.0),
    "map": ClassMetric("IoU at the best threshold", r"map/(.+)_iou_max", 1.0),
}


@dataclass(frozen=True)
class WorkDir:
    """The work dir of a demo, finished or not.

    ::

        summary.json                                results, settings, seconds, versions
        pretrain/<method>/seed<k>/                  runs of tools/train.py
        <protocol>/<initialization>/seed<k>/        runs of tools/train.py
        <protocol>/<initialization>/seed<k>/test/   evaluations by tools/test.py

    Methods return None or empty containers for what is missing.

    Attributes:
        path: The folder.
        summary: Content of ``summary.json``; empty before it is written.
        comparison: What was run in it.
        damage: Notes on damaged files; methods add theirs.
    """

    path: Path
    summary: dict[str, Any] = field(default_factory=dict)
    comparison: Comparison = comparisons.DEMO
    damage: Damage = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, comparison: Comparison = comparisons.DEMO) -> "WorkDir":
        """Read a work dir.

        Args:
            path: The folder.
            comparison: What was run in it.

        Raises:
            FileNotFoundError: If there is no such folder.
        """
        if not path.is_dir():
            raise FileNotFoundError(f"There is no work dir {path}; run make demo first.")
        damage = Damage()
        return cls(path, read_summary(path / "summary.json", damage), comparison, damage)

    def check_begun(self) -> None:
        """Check that there is something of a comparison, be it damaged or unfinished.

        Raises:
            FileNotFoundError: If there is nothing.
        """
        groups = ("pretrain", *self.comparison.protocols)
        looked_for = [*(f"{name}/" for name in groups), "stages/", "summary.json"]
        if not any((self.path / name).exists() for name in looked_for):
            raise FileNotFoundError(
                f"{self.path} is not a work dir of a demo: it has none of {', '.join(looked_for)}. "
                "Give the --work-dir of tools/demo.py."
            )

    def pretrainings(self, method: str) -> dict[str, TrainingRun]:
        """Return the runs of a pre-training, by seed."""
        return self._runs_in("pretrain", method, self.comparison.pretrainings[method].config)

    def runs(self, protocol: str, initialization: str) -> dict[str, TrainingRun]:
        """Return the runs of one initialization under one protocol, by seed."""
        config = self.comparison.protocols[protocol].config
        return self._runs_in(protocol, initialization, config)

    @property
    def protocols(self) -> list[str]:
        """Keys of the protocols of this demo, as far as its files show."""
        requested = self.summary.get("settings", {}).get("protocols", {})
        return [
            name
            for name, protocol in self.comparison.protocols.items()
            if not protocol.full or name in requested or (self.path / name).is_dir()
        ]

    def scores(self, protocol: str, initialization: str) -> dict[str, Score]:
        """Return the scores of one initialization, by metric; may be empty.

        They are those of the summary, or else of the evaluations finished so far.
        """
        entry = self.summary.get("results", {}).get(protocol, {}).get(initialization)
        if not entry:
            metrics = self.comparison.protocols[protocol].metrics
            seeds = self._evaluations(protocol, initialization)
            percents = {
                seed: pick_scores(found, metrics)
                for seed, found in seeds.items()
                if all(metric.key in found for metric in metrics)
            }
            by_metric = {m.name: {s: row[m.name] for s, row in percents.items()} for m in metrics}
            entry = {name: average(values) for name, values in by_metric.items() if values}
            return {name: Score(**score) for name, score in entry.items()}
        return dict(entry)

    def class_scores(self, protocol: str, initialization: str) -> dict[str, float]:
        """Return the score of each class in percent, averaged over the seeds."""
        _, pattern, scale = CLASS_METRICS[self.comparison.protocols[protocol].task]
        by_class: dict[str, list[float]] = {}
        for found in self._evaluations(protocol, initialization).values():
            for key, value in found.items():
                match = re.fullmatch(pattern, key)
                if match:
                    by_class.setdefault(match[1], []).append(scale * value)
        return {name: statistics.fmean(values) for name, values in by_class.items()}

    def _runs_in(self, group: str, name: str, config: str) -> dict[str, TrainingRun]:
        """Return the runs in the folders ``seed<k>`` of a folder, by seed."""
        folders = [p for p in (self.path / group / name).glob("seed*") if p.is_dir()]
        seeds = {int(f.name[4:]): f for f in folders if re.fullmatch(r"seed\d{1,9}", f.name)}
        # Never relative to the current folder, which may be that of somebody else.
        path = PROJECT / config
        return {str(seed): TrainingRun(seeds[seed], path, self.damage) for seed in sorted(seeds)}

    def _evaluations(self, protocol: str, initialization: str) -> dict[str, dict[str, float]]:
        """Return the scores of the finished evaluations, by seed."""
        key = self.comparison.protocols[protocol].metrics[0].key
        runs = self.runs(protocol, initialization)
        return {seed: found for seed, run in runs.items() if (found := run.scores(key))}
