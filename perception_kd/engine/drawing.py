"""Sets a config to draw what is predicted in a test."""

from pathlib import Path

from mmengine import Config

from perception_kd.io.atomic import make_writable_folder


def set_drawing(cfg: Config, folder: str | Path, num_samples: int, min_score: float) -> None:
    """Make a test draw its first samples, in place.

    Args:
        cfg: Config to change.
        folder: Folder for the pictures, made if it is not there.
        num_samples: How many samples are drawn.
        min_score: Boxes with a lower score are not drawn.

    Raises:
        PermissionError: If the folder cannot be written to.
    """
    make_writable_folder("--show-dir", folder)
    hook = dict(
        type="DrawPredictionsHook",
        out_dir=str(folder),
        num_samples=num_samples,
        min_score=min_score,
    )
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), hook]
