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
        made_elsewhere: Folder of info files and caches that exist already, so that no
            stage makes data; None for ``info`` in the work dir.
        run_options: Further options of every training and evaluation.
    """

    work_dir: Path
    data_root: Path
    workers: int = 2
    max_epochs: int | None = None
    made_elsewhere: Path | None = None
    run_options: tuple[str, ...] = ()

    @property
    def info_root(self) -> Path:
        """Folder of info files and caches."""
        return self.made_elsewhere or self.work_dir / "info"

    @property
    def data_stages(self) -> tuple[str, ...]:
        """Names of the stages that every training reads from."""
        return () if self.made_elsewhere else ("data", "infos")

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
