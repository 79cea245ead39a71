"""The run of a tracker that a training is.

The file ``trackers.json`` in the work dir keeps the name of the run of each tracker. A
resumed training continues it; one that starts over gets a run of its own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine import Config

from perception_kd.io.atomic import write_json
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.json_file import read_json

TRACKED_RUNS = "trackers.json"
_REMEDY = "Remove it to let the trackers begin new runs."
_ARRAYS = (torch.Tensor, np.ndarray, np.generic)


def find_run(config: Config, tracker: str) -> str | None:
    """Return the run of a tracker that a training continues.

    Args:
        config: Config of the training, as the runner has it: with ``resume`` and
            ``load_from`` where it resumes.
        tracker: Name of the tracker.

    Returns:
        Name of the run; None for a training that starts over, or one that no tracker of
        this name has followed.

    Raises:
        BrokenFileError: If the file of the runs is damaged.
    """
    if not (config.get("resume") and config.get("load_from")):
        return None
    run = _read(config).get(tracker)
    return None if run is None else str(run)


def keep_run(config: Config, tracker: str, run: str) -> None:
    """Note the run of a tracker, for a training that resumes from this one."""
    write_json(Path(config.work_dir) / TRACKED_RUNS, {**_read(config), tracker: run})


def select_numbers(values: dict[str, Any]) -> dict[str, float]:
    """Return the entries that are one number, as floats.

    Args:
        values: What a log has, by name; tensors and arrays of one element are numbers.

    Example:
        >>> select_numbers({"loss": torch.tensor(0.5), "iter": 3, "name": "slidr"})
        {'loss': 0.5, 'iter': 3.0}
    """
    single = {
        name: value.item()
        if isinstance(value, _ARRAYS) and np.prod(np.shape(value)) == 1
        else value
        for name, value in values.items()
    }
    return {name: float(value) for name, value in single.items() if isinstance(value, int | float)}


def _read(config: Config) -> dict[str, Any]:
    path = Path(config.work_dir) / TRACKED_RUNS
    content = read_json(path, _REMEDY) if path.is_file() else {}
    if isinstance(content, dict) and all(isinstance(run, str) for run in content.values()):
        return content
    raise BrokenFileError(f"{path} does not hold the names of runs by tracker. {_REMEDY}")
