"""TensorBoard, with one curve per training, also of a resumed one."""

from pathlib import Path

from mmengine import Config
from mmengine.visualization import TensorboardVisBackend

from perception_kd.engine.trackers.tracked_run import find_run, keep_run
from perception_kd.registry import VISBACKENDS

_TRACKER = "tensorboard"


@VISBACKENDS.register_module()
class TensorboardTracker(TensorboardVisBackend):
    """Write TensorBoard files to ``WORK_DIR/tensorboard/START``.

    mmengine's backend begins a folder, and with it a curve, each time that a training
    is resumed. This one continues that of the training: TensorBoard shows all files of
    a folder as one run.

    Args:
        save_dir: Folder of the present start, which the visualizer passes.
    """

    _save_dir: str

    def add_config(self, config: Config, **kwargs: object) -> None:
        """Choose the run, and write the config as text."""
        run = find_run(config, _TRACKER)
        if run is None:
            # The folder of the start is WORK_DIR/START/vis_data.
            run = Path(self._save_dir).absolute().parent.name
            keep_run(config, _TRACKER, run)
        self._save_dir = str(Path(config.work_dir) / "tensorboard" / run)
        super().add_config(config, **kwargs)
