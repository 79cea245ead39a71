"""Weights & Biases, online or offline."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine import Config
from mmengine.visualization.vis_backend import force_init_env
from numpy.typing import NDArray

from perception_kd.engine.trackers.run_tracker import RunTracker
from perception_kd.engine.trackers.tracked_run import find_run, keep_run
from perception_kd.registry import VISBACKENDS

_TRACKER = "wandb"
_STEP = "step"


@VISBACKENDS.register_module()
class WandbTracker(RunTracker):
    """Log scalars, images and the config to Weights & Biases.

    Unlike mmengine's backend, it uploads no source files, plots over the steps of the
    training and continues the run of a resumed training. Whether it uploads at all is
    wandb's to decide: ``WANDB_MODE=offline`` writes to ``WORK_DIR/wandb`` only, for
    ``wandb sync``. The project is ``WANDB_PROJECT``, by default "perception_kd".

    Args:
        save_dir: Folder of the present start, which the visualizer passes.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir)
        self._run: Any = None

    def _init_env(self) -> None:
        """Begin or continue the run.

        Raises:
            ValueError: If wandb refuses, such as for a missing login.
        """
        import wandb

        config = self.config
        run = find_run(config, _TRACKER)
        try:
            self._run = wandb.init(
                dir=config.work_dir,
                project=wandb.Settings().project or "perception_kd",
                name=Path(config.work_dir).name,
                id=run,
                resume=None if run is None else "allow",
                settings=wandb.Settings(console="off", disable_git=True, save_code=False),
            )
        except (wandb.errors.UsageError, wandb.errors.CommError) as error:
            raise ValueError(
                f"--tracker wandb: {error} Run wandb login, or set WANDB_MODE=offline to upload "
                "later with wandb sync."
            ) from error
        keep_run(config, _TRACKER, self._run.id)
        self._run.define_metric("*", step_metric=_STEP)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """Return wandb's run."""
        return self._run

    def _keep_config(self, config: Config) -> None:
        self.experiment.config.update(config.to_dict(), allow_val_change=True)

    @force_init_env
    def add_image(
        self, name: str, image: NDArray[np.uint8], step: int = 0, **kwargs: object
    ) -> None:
        """Log an image, RGB, shape (H, W, 3)."""
        import wandb

        self._run.log({name: wandb.Image(image), _STEP: step})

    def _log_numbers(self, numbers: dict[str, float], step: int) -> None:
        self._run.log({**numbers, _STEP: step})

    def close(self) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None
