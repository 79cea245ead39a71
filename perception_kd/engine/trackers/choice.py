"""The choice of a tracker, by its name."""

from importlib.util import find_spec

from mmengine import Config

from perception_kd.utils.extras import install_command

_TYPES = {
    "tensorboard": "TensorboardTracker",
    "wandb": "WandbTracker",
    "mlflow": "MLflowTracker",
}
_EXTRAS = {"wandb": "trackers", "mlflow": "mlflow"}
# MLflow's small package leaves those that write a file of SQLite to its users.
_PACKAGES = {"wandb": ("wandb",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}


def check_tracker(name: str) -> None:
    """Check the name of a tracker, and that its package is installed.

    Args:
        name: "tensorboard", "wandb" or "mlflow"; empty for that of the config.

    Raises:
        ImportError: If the package is not installed; names the extra.
        ValueError: If there is no such tracker.
    """
    if name and name not in _TYPES:
        raise ValueError(f"tracker must be one of {', '.join(_TYPES)}, but got {name!r}.")
    missing = [package for package in _PACKAGES.get(name, ()) if find_spec(package) is None]
    if missing:
        raise ImportError(
            f"The tracker {name} needs the package {missing[0]}; install it with "
            f"{install_command(_EXTRAS[name])}."
        )


def set_tracker(cfg: Config, name: str) -> None:
    """Use a tracker for a training, instead of TensorBoard files per start.

    The JSON log stays, which reports read.

    Args:
        cfg: Config to change, in place.
        name: "tensorboard", "wandb" or "mlflow"; empty for that of the config.

    Raises:
        ImportError: If the package is not installed; names the extra.
        ValueError: If there is no such tracker.
    """
    check_tracker(name)
    if name:
        backends = [dict(type="LocalVisBackend"), dict(type=_TYPES[name])]
        cfg.visualizer = {**(cfg.get("visualizer") or dict(type="Visualizer"))}
        cfg.visualizer.vis_backends = backends
