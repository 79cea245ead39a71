"""What the runs of a demo left behind: logs, configs, checkpoints, the summary."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.demo import recipe
from perception_kd.demo.summary import METRIC


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


# Names for a reader, by key.
PROTOCOLS = {name: _capitalize(protocol.about) for name, protocol in recipe.PROTOCOLS.items()}
PRETRAININGS = {name: method.about for name, method in recipe.PRETRAININGS.items()}
ARMS = {name: _capitalize(about) for name, about in recipe.ARMS.items()}
CLASS_METRIC = "lidar_seg/iou_"


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

    def scores(self) -> dict[str, float]:
        """Return what the evaluation after the training found, else the last before.

        Empty where there was none.
        """
        for path in sorted(self.folder.glob("test/*/*.json"), reverse=True):
            scores = _parse(path.read_text(encoding="utf-8"))
            if METRIC in scores:
                return scores
        validations = self.validations()
        return validations[-1][1] if validations else {}

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield the logged lines; those of a resumed run come after those before."""
        for path in sorted(self.folder.glob("*/vis_data/scalars.json")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = _parse(line)
                if "step" in row:
                    yield row


class Score(NamedTuple):
    """mIoU in percent of one arm under one protocol.

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

    def score(self, protocol: str, arm: str) -> Score | None:
        """Return the result of one arm: the summary's, else that of the runs so far."""
        entry = self.summary.get("results", {}).get(arm, {}).get(protocol)
        if entry:
            return Score(entry["seeds"], entry["mean"], entry["std"])
        found = {seed: run.scores() for seed, run in self.runs(protocol, arm).items()}
        seeds = {seed: scores[METRIC] for seed, scores in found.items() if METRIC in scores}
        if not seeds:
            return None
        values = list(seeds.values())
        std = statistics.stdev(values) if len(values) > 1 else None
        return Score(seeds, statistics.fmean(values), std)

    def class_ious(self, protocol: str, arm: str) -> dict[str, float]:
        """Return the IoU of each class in percent, the mean over the seeds."""
        found: dict[str, list[float]] = {}
        for run in self.runs(protocol, arm).values():
            for key, value in run.scores().items():
                if key.startswith(CLASS_METRIC):
                    found.setdefault(key.removeprefix(CLASS_METRIC), []).append(value)
        return {name: statistics.fmean(values) for name, values in found.items()}


def _parse(text: str) -> dict[str, Any]:
    """Parse a JSON object; empty where a run is just writing it."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
