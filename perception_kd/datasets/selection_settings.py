"""Checks of the settings of a data set that choose samples, views and classes."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from perception_kd.utils.checks import is_whole
from perception_kd.utils.value_kinds import COUNT, WHOLE, ValueKind

_MAX_LABEL = 0xFFFF  # labels of points have 16 bits


def check_selection_settings(settings: Mapping[str, Any]) -> None:
    """Check settings of a data set by name, before the info file is read.

    Args:
        settings: Values of arguments of
            :class:`~perception_kd.datasets.camera_lidar_dataset.CameraLidarDataset`.

    Raises:
        ValueError: If one is of another type or out of range, or names something twice.
    """
    for name, value in settings.items():
        kind = _KINDS[name]
        if not kind.fits(value):
            raise ValueError(
                f"{name} must be {kind.words}, but got {value!r:.80}; correct it in the data set "
                "of the config."
            )


def check_indices(indices: Any, num_samples: int) -> None:
    """Check that chosen indices are those of samples.

    Args:
        indices: The setting, of the right type. A number leaves at most all samples.
        num_samples: Number of samples that are left without it.

    Raises:
        ValueError: If one is not.
    """
    chosen = [] if indices is None or isinstance(indices, int) else indices
    beyond = [index for index in chosen if not -num_samples <= index < num_samples]
    if beyond:
        raise ValueError(
            f"indices must be below {num_samples}, the number of samples, but got {beyond[0]}; "
            "choose others."
        )


def _are_names(value: Any) -> bool:
    """Return whether a value is a list of different names."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        return False
    return len(set(value)) == len(value)


def _are_names_or_none(value: Any) -> bool:
    return value is None or _are_names(value)


def _are_scenes(value: Any) -> bool:
    return value is None or isinstance(value, str) or _are_names(value)


def _are_indices(value: Any) -> bool:
    if value is None or is_whole(value):
        return value != 0
    is_list = isinstance(value, list | tuple) and bool(value) and all(map(is_whole, value))
    return is_list and len(set(value)) == len(value)


def _is_mapping(value: Any) -> bool:
    """Return whether a value is None, or a dict from label to class."""
    if value is None:
        return True
    if not isinstance(value, Mapping) or not value:
        return False
    labels = all(is_whole(label) and 0 <= label <= _MAX_LABEL for label in value)
    return labels and all(map(WHOLE.fits, value.values()))


def _has_classes(value: Any) -> bool:
    """Return whether all lists of classes in ``metainfo`` are names."""
    if value is None:
        return True
    if not isinstance(value, Mapping):
        return False
    chosen = [value[name] for name in ("classes", "seg_classes") if name in value]
    return all(_are_names(names) and len(names) for names in chosen)


def _is_one_of(*allowed: Hashable) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Hashable) and value in allowed


_KINDS = {
    "scenes": ValueKind("None, a name, or a list of different names", _are_scenes),
    "scene_step": COUNT,
    "sample_step": COUNT,
    "cameras": ValueKind("None or a list of different names", _are_names_or_none),
    "seed": WHOLE,
    "max_sweeps": WHOLE,
    "max_refetch": WHOLE,
    "on_error": ValueKind('"raise" or "skip"', _is_one_of("raise", "skip")),
    "indices": ValueKind(
        "None, a number other than 0, or a list of different indices", _are_indices
    ),
    "label_mapping": ValueKind(
        "None, or a dict from label (0 .. 65535) to class (0 or more)", _is_mapping
    ),
    "metainfo": ValueKind(
        "a dict, in which classes and seg_classes are lists of different names", _has_classes
    ),
}
