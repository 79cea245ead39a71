"""A whole training, from its config to its last checkpoint."""

from mmengine import Config

from perception_kd.engine.config.validation import leave_out_validation
from perception_kd.engine.distributed.lost_process import lost_processes_named
from perception_kd.engine.distributed.start import (
    find_timeout,
    launched_rank,
    prepare_distributed,
)
from perception_kd.engine.run.launch import build_runner
from perception_kd.engine.work_dir.folder import open_work_dir


def run_training(
    cfg: Config, *, launcher: str = "none", resume: str | None = None, overwrite: bool = False
) -> None:
    """Build the runner and train.

    Args:
        cfg: Config of the training, with its ``work_dir`` and all options applied.
        launcher: "none", "pytorch", "slurm" or "mpi".
        resume: Checkpoint to resume from, "auto" for the newest whole one, or None.
        overwrite: Whether checkpoints that it does not resume from are removed.

    Raises:
        Exception: What :func:`~perception_kd.engine.work_dir.folder.open_work_dir` and
            :func:`~perception_kd.engine.run.launch.build_runner` refuse.
    """
    no_validation = leave_out_validation(cfg)
    prepare_distributed(cfg, launcher)
    is_main = launched_rank(launcher) == 0
    with (
        lost_processes_named(find_timeout(cfg)),
        open_work_dir(cfg, resume=resume, overwrite=overwrite, is_main=is_main) as replaced,
    ):
        runner = build_runner(cfg)
        for path in replaced:
            path.unlink(missing_ok=True)
        if no_validation:
            runner.logger.warning(no_validation)
        runner.train()
    runner.logger.info(f"Checkpoints, log and curves are in {runner.work_dir}")
