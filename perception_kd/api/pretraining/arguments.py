"""Arguments of a pre-training, checked before anything is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.registry import init_default_scope

from perception_kd.api.pretraining.hardware import Hardware
from perception_kd.api.pretraining.settings import HAVE_TEACHER, STAGES, read_stage_config
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.trackers.choice import check_tracker
from perception_kd.models.backbones import CallableTeacher
from perception_kd.models.backbones.efficientnet_lite import FROM_PACKAGE, package_weights
from perception_kd.utils.checks import is_finite, is_whole
from perception_kd.utils.log_levels import only_errors_logged

_MOST_SEED = 2**32 - 1  # of NumPy


@dataclass(frozen=True)
class PretrainOptions:
    """Options of :func:`perception_kd.pretrain` that rarely have to be set.

    Attributes:
        seed: Seed of all random numbers.
        workers: Number of processes that convert data and make caches; 0 for none
            beside the caller.
        version: Folder of nuScenes' tables, where there are several.
        tracker: "tensorboard", "wandb" or "mlflow", which gets the curves of this call;
            TensorBoard files if it is empty.

    Example:
        >>> PretrainOptions(seed=1, tracker="wandb").workers
        2
    """

    seed: int = 0
    workers: int = 2
    version: str = ""
    tracker: str = ""

    def check(self) -> None:
        """Check the values.

        Raises:
            ImportError: If the package of the tracker is not installed.
            ValueError: If a number is out of range, or the tracker is unknown.
        """
        if not is_whole(self.seed) or not 0 <= self.seed <= _MOST_SEED:
            raise ValueError(f"seed must be an integer in 0..2**32-1, but got {self.seed!r}.")
        if not is_whole(self.workers) or self.workers < 0:
            raise ValueError(
                f"workers must be a number of processes, 0 or more, but got {self.workers!r}."
            )
        check_tracker(self.tracker)


def check_length(minutes: float | None, epochs: int | None) -> None:
    """Check the length of a training.

    Raises:
        ValueError: If both are given, or one is no positive number.
    """
    if minutes is not None and epochs is not None:
        raise ValueError("Give minutes or epochs, not both.")
    if minutes is not None and not (is_finite(minutes) and minutes > 0):
        raise ValueError(f"minutes must be a positive number, but got {minutes!r}.")
    if epochs is not None and not (is_whole(epochs) and epochs > 0):
        raise ValueError(f"epochs must be a positive whole number, but got {epochs!r}.")


def check_method(method: str, teacher: str) -> None:
    """Check the names of a method and of its teacher.

    Raises:
        ValueError: If the method is unknown or has no teacher, or the teacher cannot be
            a name of one.
    """
    if method not in STAGES:
        raise ValueError(f"method must be one of {', '.join(STAGES)}, but got {method!r}.")
    if teacher and method not in HAVE_TEACHER:
        raise ValueError(
            f"{method} has no image network as its teacher; leave teacher out, or take one of "
            f"{', '.join(HAVE_TEACHER)}."
        )
    if teacher and not re.fullmatch(r"[\w.]+:[\w.]+", teacher):
        raise ValueError(
            f'teacher must be "module:callable" (docs/your_teacher.md), but got {teacher!r}.'
        )


def check_teachers(method: str, teacher: str, hardware: Hardware) -> None:
    """Check that the image networks of a method can be built.

    Args:
        method: Method.
        teacher: Image network of the caller, or "".
        hardware: The machine, by which networks are chosen.

    Raises:
        FileNotFoundError: If a file of weights is not there.
        ImportError: If a package with weights is missing.
        ValueError: If the teacher cannot be imported, or gives no maps of images.
    """
    if method not in HAVE_TEACHER:
        return
    if teacher:
        init_default_scope("perception_kd")
        with only_errors_logged():
            CallableTeacher(teacher)
        return
    for name in _list_weights(read_stage_config(method, hardware).model.img_backbone):
        if name == FROM_PACKAGE:
            package_weights()
        elif not Path(name).is_file():
            raise FileNotFoundError(f"No weights of the teacher at {name}; put them there.")


def _list_weights(settings: Any) -> Iterator[str]:
    for part in walk_settings(settings):
        if part.get("checkpoint"):
            yield str(part["checkpoint"])
