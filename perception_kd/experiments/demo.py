"""What the demo runs: the stages, each one command."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmengine import Config

from perception_kd.experiments.comparisons import (
    ARMS,
    PRETRAININGS,
    PROTOCOLS,
    RANDOM,
    Pretraining,
    Protocol,
)
from perception_kd.experiments.stages import Stage

SUPERPIXELS = ("fast", 150)
# Data that are made in seconds, and one epoch of everything: to try the chain.
TINY_DATA = ("--scenes", "2", "--keyframes", "3", "--sweeps", "1", "--image-size", "320x180")
TINY_TRAINING = ("train_cfg.max_epochs=1",)


@dataclass(frozen=True)
class DemoSettings:
    """What the demo is asked for.

    Attributes:
        work_dir: Folder of all that it makes but the data set.
        data_root: Folder of the synthetic data set.
        seeds: Number of seeds, from 0 on; each varies pre-training, probes and
            initialization alike.
        workers: Processes that make data.
        tiny: Try the chain in a few minutes, on data and trainings too small to mean
            anything.
        full: Run the protocols too that take long.
    """

    work_dir: Path = Path("work_dirs/demo")
    data_root: Path = Path("data/synthetic")
    seeds: int = 1
    workers: int = 2
    tiny: bool = False
    full: bool = False

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: If a number is out of its range.
        """
        if self.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, but got {self.seeds}.")
        if self.workers < 0:
            raise ValueError(f"--workers must not be negative, but got {self.workers}.")

    @property
    def protocols(self) -> dict[str, Protocol]:
        """The protocols that are run."""
        return {name: p for name, p in PROTOCOLS.items() if self.full or not p.full}

    @property
    def info_root(self) -> Path:
        """Folder of info files and caches."""
        return self.work_dir / "info"

    def run_dir(self, *parts: str) -> Path:
        """Return the work dir of one of the demo's runs."""
        return self.work_dir.joinpath(*parts)


class Run(NamedTuple):
    """One arm under one protocol with one seed.

    Attributes:
        protocol: Key of ``PROTOCOLS``.
        arm: Key of ``ARMS``.
        seed: Seed of everything.
    """

    protocol: str
    arm: str
    seed: int

    def folder(self, settings: DemoSettings) -> Path:
        """Return the work dir of its training; the evaluation is in ``test``."""
        return settings.run_dir(self.protocol, self.arm, f"seed{self.seed}")


def list_runs(settings: DemoSettings) -> list[Run]:
    """Return all runs, seed by seed."""
    return [
        Run(name, arm, seed)
        for seed in range(settings.seeds)
        for name, protocol in settings.protocols.items()
        for arm in protocol.arms
    ]


def make_stages(settings: DemoSettings) -> list[Stage]:
    """Return the stages up to the evaluations, each after those that it reads from."""
    return [*_data_stages(settings), *_training_stages(settings)]


def make_report_stage(settings: DemoSettings) -> Stage:
    """Return the last stage: the page, made of all that the others left."""
    return Stage(
        name="report",
        about="Report: one page of what was run and what came out",
        command=("tools/report.py", str(settings.work_dir)),
        outputs=(str(settings.work_dir / "report.html"),),
        inputs=tuple(stage.name for stage in make_stages(settings)),
    )


def _data_stages(settings: DemoSettings) -> Iterator[Stage]:
    root, info = str(settings.data_root), settings.info_root
    local = ("--workers", str(settings.workers))
    yield Stage(
        name="data",
        about="Synthetic data: a drawn street world in nuScenes' format",
        command=(
            *("tools/create_data.py", "synthetic", "--root", root),
            *(TINY_DATA if settings.tiny else ()),
        ),
        outputs=(
            f"{root}/synthetic.json",
            *(
                f"{root}/{part}/**"
                for part in ("v1.0-mini", "lidarseg", "maps", "samples", "sweeps")
            ),
        ),
        local=local,
    )
    yield Stage(
        name="infos",
        about="Info files: paths, poses and calibration of each keyframe",
        command=(
            *("tools/create_data.py", "nuscenes", "--root", root, "--version", "v1.0-mini"),
            *("--out-dir", str(info)),
        ),
        outputs=(str(info / "nuscenes_infos_train.pkl"), str(info / "nuscenes_infos_val.pkl")),
        inputs=("data",),
        local=local,
    )
    backend, number = SUPERPIXELS
    info_files = [str(info / f"nuscenes_infos_{part}.pkl") for part in ("train", "val")]
    yield Stage(
        name="superpixels",
        about="Superpixels: every image in segments of one look",
        command=(
            *("tools/create_data.py", "superpixels", "--data-root", root),
            *("--info", *info_files),
            *("--backend", backend, "--num-segments", str(number)),
        ),
        outputs=(str(info / "superpixels" / f"{backend}_{number}" / "*.png"),),
        inputs=("data", "infos"),
        local=local,
        folder=info / "superpixels",
    )
    yield Stage(
        name="regions",
        about="Regions: every sweep in clusters above the ground",
        command=(
            *("tools/create_data.py", "regions", "--data-root", root),
            *("--info", *info_files),
        ),
        outputs=(str(info / "regions" / "dbscan" / "*.npz"),),
        inputs=("data", "infos"),
        local=local,
        folder=info / "regions",
    )


def _training_stages(settings: DemoSettings) -> Iterator[Stage]:
    for seed in range(settings.seeds):
        for name, pretraining in PRETRAININGS.items():
            yield _pretraining(settings, name, pretraining, seed)
        for run in list_runs(settings):
            if run.seed == seed:
                yield from _judging(settings, run)


def _pretraining(settings: DemoSettings, name: str, pretraining: Pretraining, seed: int) -> Stage:
    inputs, options = list(pretraining.reads), []
    if pretraining.teacher:
        stage, checkpoint = _pretrained(settings, pretraining.teacher, seed)
        inputs.append(stage)
        options.append(f"model.teacher_checkpoint={checkpoint}")
    return _training(
        settings,
        name=f"pretrain-{name}-seed{seed}",
        about=f"{pretraining.about} pre-training without labels, seed {seed}",
        config=pretraining.config,
        folder=settings.run_dir("pretrain", name, f"seed{seed}"),
        seed=seed,
        inputs=inputs,
        options=options,
    )


def _pretrained(settings: DemoSettings, name: str, seed: int) -> tuple[str, str]:
    """Return the stage and the checkpoint of a pre-training."""
    folder = settings.run_dir("pretrain", name, f"seed{seed}")
    checkpoint = last_checkpoint(settings, PRETRAININGS[name].config, folder)
    return f"pretrain-{name}-seed{seed}", checkpoint


def _judging(settings: DemoSettings, run: Run) -> Iterator[Stage]:
    protocol, folder = PROTOCOLS[run.protocol], run.folder(settings)
    name = f"{run.protocol}-{run.arm}-seed{run.seed}"
    about = f"{protocol.about} from {ARMS[run.arm]}, seed {run.seed}"
    inputs, given = [], []
    if run.arm != RANDOM:
        stage, checkpoint = _pretrained(settings, run.arm, run.seed)
        inputs, given = [stage], ["--pretrained", checkpoint]
    yield _training(
        settings,
        name=name,
        about=about[0].upper() + about[1:],
        config=protocol.config,
        folder=folder,
        seed=run.seed,
        inputs=inputs,
        given=given,
    )
    yield Stage(
        name=f"{name}-test",
        about=f"Evaluation: {about}",
        command=(
            *("tools/test.py", protocol.config, last_checkpoint(settings, protocol.config, folder)),
            *_folders(settings, folder / "test"),
        ),
        outputs=(str(folder / "test" / "*" / "*.json"),),
        inputs=("data", "infos", name),
        config={"config": _read_config(protocol.config)},
        folder=folder / "test",
    )


def _training(
    settings: DemoSettings,
    *,
    name: str,
    about: str,
    config: str,
    folder: Path,
    seed: int,
    inputs: Sequence[str] = (),
    given: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Stage:
    command = ["tools/train.py", config, *_folders(settings, folder), "--seed", str(seed), *given]
    options = [*options, *(TINY_TRAINING if settings.tiny else ())]
    if options:
        command += ["--cfg-options", *options]
    return Stage(
        name=name,
        about=about,
        command=tuple(command),
        outputs=(last_checkpoint(settings, config, folder),),
        inputs=("data", "infos", *inputs),
        config={"config": _read_config(config)},
        resume=("--resume",),
        folder=folder,
    )


def last_checkpoint(settings: DemoSettings, config: str, folder: Path) -> str:
    """Return the path of the checkpoint that a training ends with."""
    epochs = 1 if settings.tiny else _read_config(config)["train_cfg"]["max_epochs"]
    return str(folder / f"epoch_{epochs}.pth")


def _folders(settings: DemoSettings, work_dir: Path) -> list[str]:
    return [
        *("--data-root", str(settings.data_root), "--info-root", str(settings.info_root)),
        *("--work-dir", str(work_dir)),
    ]


@cache
def _read_config(path: str) -> dict[str, Any]:
    """Return all settings of a config, its bases' included, as JSON types."""
    settings: dict[str, Any] = json.loads(json.dumps(Config.fromfile(path).to_dict(), default=str))
    return settings
