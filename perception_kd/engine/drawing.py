"""Sets a config to draw what is predicted in a test."""

import os
from pathlib import Path

from mmengine import Config


def set_drawing(cfg: Config, folder: str | Path, num_samples: int, min_score: float) -> None:
    """Make a test draw its first samples, in place.

    Args:
        cfg: Config to change.
        folder: Folder for the pictures, made if it is not there.
        num_samples: How many samples are drawn.
        min_score: Boxes with a lower score are not drawn.

    Raises:
        ValueError: If the folder cannot be written to.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--show-dir must be a folder that can be made, but got {folder} ({error.strerror})."
        ) from error
    if not os.access(folder, os.W_OK):
        raise ValueError(f"--show-dir must be a folder to write to, but got {folder}.")
    hook = dict(
        type="DrawPredictionsHook",
        out_dir=str(folder),
        num_samples=num_samples,
        min_score=min_score,
    )
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), hook]
