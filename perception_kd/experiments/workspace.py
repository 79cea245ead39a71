"""Folders and options that the stages of an experiment share."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Folders and options that the stages of an experiment share.

    Attributes:
        work_dir: Folder of everything but the data set.
        data_root: Folder of the data set.
        workers: Number of processes that create data.
        max_epochs: Number of epochs of every training; None for those of its config.
    """

    work_dir: Path
    data_root: Path
    workers: int = 2
    max_epochs: int | None = None

    @property
    def info_root(self) -> Path:
        """Folder of info files and caches."""
        return self.work_dir / "info"

    @property
    def info_files(self) -> tuple[str, str]:
        """Info files of the training and validation split."""
        return (
            str(self.info_root / "nuscenes_infos_train.pkl"),
            str(self.info_root / "nuscenes_infos_val.pkl"),
        )

    @property
    def worker_options(self) -> tuple[str, ...]:
        """Options of ``tools/create_data.py`` for the number of processes."""
        return ("--workers", str(self.workers))
