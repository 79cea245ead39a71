"""The demo: synthetic data, three pre-trainings, and protocols on few labels."""

import glob
from dataclasses import dataclass
from pathlib import Path

from perception_kd.experiments.comparison_stages import comparison_stages
from perception_kd.experiments.comparisons import PRETRAININGS, PROTOCOLS
from perception_kd.experiments.data_stages import (
    info_stage,
    region_stage,
    superpixel_stage,
    synthetic_data_stage,
)
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.trials import Comparison
from perception_kd.experiments.workspace import Workspace

DEMO_SUPERPIXELS = ("fast", 150)
# Data that is rendered in seconds: a smoke test of the whole demo.
TINY_DATA = ("--scenes", "2", "--keyframes", "3", "--sweeps", "1", "--image-size", "320x180")


@dataclass(frozen=True)
class DemoSettings:
    """Options of the demo.

    Attributes:
        work_dir: Folder of everything but the data set.
        data_root: Folder of the synthetic data set.
        seeds: Number of seeds; they are 0 .. seeds - 1. A seed sets the pre-training,
            the initialization and the training on labels.
        workers: Number of processes that create data.
        tiny: Smoke test of a few minutes: tiny data, one epoch, meaningless scores.
        full: Run the protocols that take long, too.
    """

    work_dir: Path = Path("work_dirs/demo")
    data_root: Path = Path("data/synthetic")
    seeds: int = 1
    workers: int = 2
    tiny: bool = False
    full: bool = False

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ValueError: If a number is out of range.
        """
        if self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, but got {self.seeds}.")
        if self.workers < 0:
            raise ValueError(f"--workers must not be negative, but got {self.workers}.")

    @property
    def workspace(self) -> Workspace:
        """Folders and options of the stages."""
        return Workspace(
            self.work_dir, self.data_root, self.workers, max_epochs=1 if self.tiny else None
        )

    @property
    def comparison(self) -> Comparison:
        """Pre-trainings and protocols that are run."""
        protocols = {name: p for name, p in PROTOCOLS.items() if self.full or not p.full}
        return Comparison(PRETRAININGS, protocols, self.seeds)


def make_stages(settings: DemoSettings) -> list[Stage]:
    """Return all stages up to the evaluations, each after those that it reads from."""
    workspace = settings.workspace
    return [
        synthetic_data_stage(workspace, TINY_DATA if settings.tiny else ()),
        info_stage(workspace),
        superpixel_stage(workspace, *DEMO_SUPERPIXELS),
        region_stage(workspace),
        *comparison_stages(workspace, settings.comparison),
    ]


def make_report_stage(settings: DemoSettings) -> Stage:
    """Return the last stage, which writes the report from all other outputs."""
    return Stage(
        name="report",
        about="Report: results, curves and predictions on one HTML page",
        command=("tools/report.py", str(settings.work_dir)),
        outputs=(glob.escape(str(settings.work_dir / "report.html")),),
        inputs=tuple(stage.name for stage in make_stages(settings)),
    )
