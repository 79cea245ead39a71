"""A folder written by ``tools/train.py``: checkpoints, logs and scores.

Nothing in the folder is run: of the config that the training wrote, only the folders of
its data are read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.config.text import parse_config_text
from perception_kd.experiments.report.stored import Damage, pick_numbers, read_rows, read_score_file


@dataclass(frozen=True)
class TrainingRun:
    """A folder written by ``tools/train.py``.

    Attributes:
        folder: Its path.
        config: Config of the training, as the comparison names it.
        damage: Notes on damaged files; methods add theirs.
    """

    folder: Path
    config: Path | None = None
    damage: Damage = field(default_factory=dict)

    @property
    def has_started(self) -> bool:
        """True if the training has written its config."""
        return self._written_config is not None

    @property
    def checkpoint(self) -> Path | None:
        """The latest checkpoint; None before the first one."""
        paths = [path for path in self.folder.glob("*.pth") if path.is_file()]
        found = {int(m[1]): path for path in paths if (m := _EPOCH.fullmatch(path.name))}
        return found[max(found)] if found else None

    def data_folders(self) -> tuple[str, str]:
        """Return the data root and the info root of the training.

        Raises:
            ValueError: If its config does not have them in plain text.
        """
        path = self._written_config
        if path is None:
            raise ValueError(f"{self.folder} has no config.")
        settings = parse_config_text(path.read_text(encoding="utf-8", errors="replace"), str(path))
        for part in walk_settings(settings.get("test_dataloader")):
            folders = part.get("data_root"), part.get("info_root")
            if all(isinstance(folder, str) for folder in folders):
                return str(folders[0]), str(folders[1])
        raise ValueError(f"{path} has no data_root and info_root in test_dataloader.")

    def training_curve(self, key: str) -> list[tuple[int, float]]:
        """Return a logged value of the training, by step."""
        rows = {int(r["step"]): r[key] for r in self._rows() if "lr" in r and key in r}
        return sorted(rows.items())

    def validations(self) -> list[tuple[int, dict[str, float]]]:
        """Return the scores of each validation during the training, by epoch."""
        rows = {int(row["step"]): row for row in self._rows() if "lr" not in row}
        return sorted(rows.items(), key=lambda item: item[0])

    def scores(self, key: str) -> dict[str, float]:
        """Return the scores of the latest evaluation by ``tools/test.py``.

        Without one, those of the last validation; empty where there is neither.

        Args:
            key: A score that the evaluation must have; files without it are skipped.
        """
        for path in sorted(self.folder.glob("test/*/*.json"), reverse=True):
            scores = read_score_file(path, self.damage)
            if key in scores:
                return scores
        found = [scores for _, scores in self.validations() if key in scores]
        return pick_numbers(found[-1], self.folder, self.damage) if found else {}

    @property
    def _written_config(self) -> Path | None:
        return min((p for p in self.folder.glob("*.py") if p.is_file()), default=None)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield the logged rows; those of a resumed run come after the earlier ones."""
        for path in sorted(self.folder.glob("*/vis_data/scalars.json")):
            yield from read_rows(path, self.damage)


_EPOCH = re.compile(r"epoch_(\d{1,9})\.pth")
