"""Trackers that log the numbers of each step to one run."""

from abc import abstractmethod
from typing import Any

from mmengine import Config
from mmengine.visualization.vis_backend import BaseVisBackend, force_init_env

from perception_kd.engine.trackers.tracked_run import select_numbers


class RunTracker(BaseVisBackend):
    """Begin the run when the config is known, and log numbers by step.

    Args:
        save_dir: Folder of the present start, which the visualizer passes.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir)
        self._config: Config | None = None

    @property
    def config(self) -> Config:
        """Config of the training; with its folder alone before it is known."""
        return self._config or Config(dict(work_dir=self._save_dir))

    def add_config(self, config: Config, **kwargs: object) -> None:
        """Begin the run, and keep the config with it."""
        self._config = config
        self._keep_config(config)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: object) -> None:
        """Log a number."""
        self.add_scalars({name: value}, step)

    @force_init_env
    def add_scalars(
        self,
        scalar_dict: dict[str, Any],
        step: int = 0,
        file_path: str | None = None,
        **kwargs: object,
    ) -> None:
        """Log numbers of one step."""
        self._log_numbers(select_numbers(scalar_dict), step)

    @abstractmethod
    def _keep_config(self, config: Config) -> None:
        """Store the config in the run."""

    @abstractmethod
    def _log_numbers(self, numbers: dict[str, float], step: int) -> None:
        """Store numbers by name; the run has begun."""
