"""MLflow, on a server or in a file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import Config
from mmengine.visualization.vis_backend import force_init_env
from numpy.typing import NDArray

from perception_kd.engine.trackers.run_tracker import RunTracker
from perception_kd.engine.trackers.tracked_run import find_run, keep_run
from perception_kd.registry import VISBACKENDS

_TRACKER = "mlflow"
_URI = "MLFLOW_TRACKING_URI"
_EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"


@VISBACKENDS.register_module()
class MLflowTracker(RunTracker):
    """Log scalars, images and the config to MLflow.

    Unlike mmengine's backend, it does not upload the other files of the work dir, keeps
    the config as a file, which may change when a training is resumed, and continues the
    run of a resumed training. Runs go to the server of ``MLFLOW_TRACKING_URI``, by
    default to ``WORK_DIR/mlflow.db``. The experiment is ``MLFLOW_EXPERIMENT_NAME``, by
    default "perception_kd".

    Args:
        save_dir: Folder of the present start, which the visualizer passes.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir)
        self._client: Any = None
        self._run = ""

    def _init_env(self) -> None:
        """Begin or continue the run.

        Raises:
            ValueError: If MLflow refuses.
        """
        from mlflow.exceptions import MlflowException

        try:
            self._start(self.config)
        except MlflowException as error:
            raise ValueError(f"--tracker mlflow: {error}; see {_URI}.") from error
        keep_run(self.config, _TRACKER, self._run)

    def _start(self, config: Config) -> None:
        from mlflow import MlflowClient

        work_dir = Path(config.work_dir).absolute()
        server = os.environ.get(_URI)
        client = MlflowClient(tracking_uri=server or f"sqlite:///{work_dir / 'mlflow.db'}")
        name = os.environ.get(_EXPERIMENT, "perception_kd")
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            artifacts = None if server else (work_dir / "mlflow_artifacts").as_uri()
            experiment_id = client.create_experiment(name, artifact_location=artifacts)
        else:
            experiment_id = experiment.experiment_id
        run = find_run(config, _TRACKER)
        if run is None:
            run = client.create_run(experiment_id, run_name=work_dir.name).info.run_id
        client.update_run(run, status="RUNNING")
        self._client, self._run = client, run

    @property
    @force_init_env
    def experiment(self) -> Any:
        """Return MLflow's client."""
        return self._client

    def _keep_config(self, config: Config) -> None:
        self.experiment.log_text(self._run, config.pretty_text, "config.py")

    @force_init_env
    def add_image(
        self, name: str, image: NDArray[np.uint8], step: int = 0, **kwargs: object
    ) -> None:
        """Log an image, RGB, shape (H, W, 3)."""
        self._client.log_image(self._run, image, artifact_file=f"{name}_{step}.png")

    def _log_numbers(self, numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """End the run."""
        if self._client is not None:
            self._client.set_terminated(self._run)
            self._client = None
