"""A folder written by ``tools/train.py``: config, checkpoints, logs and scores."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainingRun:
    """A folder written by ``tools/train.py``.

    Attributes:
        folder: Its path.
    """

    folder: Path

    @property
    def config(self) -> Path | None:
        """The config with all settings of the run; None before the run has started."""
        return min(self.folder.glob("*.py"), default=None)

    @property
    def checkpoint(self) -> Path | None:
        """The latest checkpoint; None before the first one."""
        pointer = self.folder / "last_checkpoint"
        if not pointer.is_file():
            return None
        # By its name alone, so that a work dir may be moved.
        path = self.folder / Path(pointer.read_text(encoding="utf-8").strip()).name
        return path if path.is_file() else None

    def training_curve(self, key: str) -> list[tuple[int, float]]:
        """Return a logged value of the training, by step."""
        rows = {row["step"]: row[key] for row in self._rows() if "lr" in row and key in row}
        return sorted(rows.items())

    def validations(self) -> list[tuple[int, dict[str, float]]]:
        """Return the scores of each validation during the training, by epoch."""
        rows = {row["step"]: row for row in self._rows() if "lr" not in row}
        return sorted(rows.items(), key=lambda item: item[0])

    def scores(self, key: str) -> dict[str, float]:
        """Return the scores of the latest evaluation by ``tools/test.py``.

        Without one, those of the last validation; empty where there is neither.

        Args:
            key: A score that the evaluation must have; files without it are skipped.
        """
        for path in sorted(self.folder.glob("test/*/*.json"), reverse=True):
            scores = parse_object(path.read_text(encoding="utf-8"))
            if key in scores:
                return scores
        found = [scores for _, scores in self.validations() if key in scores]
        return found[-1] if found else {}

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield the logged rows; those of a resumed run come after the earlier ones."""
        for path in sorted(self.folder.glob("*/vis_data/scalars.json")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = parse_object(line)
                if "step" in row:
                    yield row


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; empty where it is incomplete, as while it is written."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
