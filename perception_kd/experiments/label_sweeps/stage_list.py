"""The stages of a label sweep, and their folders."""

from pathlib import Path

from perception_kd.datasets.catalog import creation_command
from perception_kd.experiments.comparison_stages import comparison_stages
from perception_kd.experiments.configs import config_epochs, info_file_names, teacher_cache_of
from perception_kd.experiments.data_stages import (
    info_stage,
    region_stage,
    superpixel_stage,
    synthetic_data_stage,
    teacher_stage,
)
from perception_kd.experiments.demo import DEMO_SUPERPIXELS
from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.trials import Comparison
from perception_kd.experiments.workspace import Workspace

_SYNTHETIC_ROOT = Path("data/synthetic")


def make_workspace(plan: LabelSweepPlan, work_dir: Path, workers: int = 2) -> Workspace:
    """Return the folders and options of a sweep's stages.

    Args:
        plan: The label sweep.
        work_dir: Folder of everything but the data.
        workers: Number of processes that create data.
    """
    data = plan.data
    options = ("--dataset", data.dataset) if data.dataset else ()
    if data.synthetic is not None:
        root = data.data_root or _SYNTHETIC_ROOT
        return Workspace(work_dir, root, workers, run_options=options)
    root = data.data_root or Path()
    infos = data.info_root or root
    return Workspace(work_dir, root, workers, made_elsewhere=infos, run_options=options)


def label_sweep_stages(plan: LabelSweepPlan, workspace: Workspace) -> list[Stage]:
    """Return all stages of a sweep, each after those that it reads from."""
    comparison = plan.comparison
    reads = {name for method in comparison.pretrainings.values() for name in method.reads}
    stages = []
    if plan.data.synthetic is not None:
        stages += [synthetic_data_stage(workspace, plan.data.synthetic), info_stage(workspace)]
        stages += [superpixel_stage(workspace, *DEMO_SUPERPIXELS)] if "superpixels" in reads else []
        stages += [region_stage(workspace)] if "regions" in reads else []
        stages += _teacher_stages(workspace, comparison)
    return [*stages, *comparison_stages(workspace, comparison)]


def _teacher_stages(workspace: Workspace, comparison: Comparison) -> list[Stage]:
    """Return a stage for each cache of a teacher, however many students read it."""
    configs: dict[str, str] = {}
    for pretraining in comparison.pretrainings.values():
        cache = teacher_cache_of(pretraining.config) if pretraining.config else None
        if cache is not None:
            configs.setdefault(cache, pretraining.config)
    return [teacher_stage(workspace, config) for config in configs.values()]


def check_label_sweep_files(plan: LabelSweepPlan, workspace: Workspace) -> None:
    """Check that the files exist that no stage makes.

    Raises:
        FileNotFoundError: If an info file or a checkpoint is missing.
    """
    comparison = plan.comparison
    for method in comparison.pretrainings.values():
        if method.checkpoint and not Path(method.checkpoint).is_file():
            raise FileNotFoundError(f"{plan.name}: there is no checkpoint {method.checkpoint}.")
    if workspace.made_elsewhere is None:
        return
    configs = {p.config for p in comparison.pretrainings.values() if p.config}
    configs |= {protocol.config for protocol in comparison.protocols.values()}
    names = {name for config in configs for name in info_file_names(workspace, config)}
    for path in (workspace.info_root / name for name in sorted(names)):
        # Many data sets have no test split.
        if not path.is_file() and "_test" not in path.name:
            command = creation_command(
                path.name, str(workspace.data_root), str(workspace.info_root)
            )
            raise FileNotFoundError(f"There is no info file {path}; make it with: {command}")


def describe_epochs(plan: LabelSweepPlan) -> list[str]:
    """Return lines that say how many epochs each task has at each share."""
    lines = []
    for task in plan.tasks.values():
        shares: dict[tuple[int, bool], list[str]] = {}
        for share, protocol in task.protocols.items():
            epochs = protocol.epochs or config_epochs(protocol.config)
            shares.setdefault((epochs, protocol.epochs is None), []).append(f"{share:g}")
        parts = [
            f"{epochs} at {', '.join(found)} %{' as in the config' if published else ''}"
            for (epochs, published), found in shares.items()
        ]
        lines.append(f"Epochs of {task.about}: {'; '.join(parts)}.")
    return lines
