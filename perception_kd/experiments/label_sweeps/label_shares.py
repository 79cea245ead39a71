"""Options that train a config on a share of the labels."""

from collections.abc import Mapping
from typing import Any

from perception_kd.datasets.scene_lists import scene_list_names
from perception_kd.experiments.configs import innermost_data_set

# What a share of the labels is a share of, besides the lists of scenes by name.
SAMPLES, SCENES = "samples", "scenes"


def share_options(settings: Mapping[str, Any], share: float, labels_of: str) -> tuple[str, ...]:
    """Return the options that make a config train on a share of the labels.

    Args:
        settings: The config, which trains on all labels, or on a share of the samples.
        share: Share of the labels in percent.
        labels_of: "samples" (the first of every N keyframes), "scenes" (the N-th,
            2N-th, ... scene: SLidR's rule), or the beginning of the names of published
            lists, such as "nuscenes_calico" (``nuscenes_calico_5pct``).

    Raises:
        ValueError: If there is no such share, or the config has only a part of the
            scenes already.
    """
    place, data_set = innermost_data_set(settings["train_dataloader"])
    if data_set.get("scenes") or data_set.get("scene_step", 1) > 1:
        raise ValueError("it trains on a part of the scenes; name the config that uses all scenes.")
    prefix = f"train_dataloader.{place}"
    if labels_of == SAMPLES:
        step = _step(share)
        is_set = data_set.get("sample_step", 1) == step
        return () if is_set else (f"{prefix}.sample_step={step}",)
    if data_set.get("sample_step", 1) > 1:
        raise ValueError(
            "it trains on a part of the samples; name the config that uses all samples."
        )
    if share == 100:
        return ()
    if labels_of == SCENES:
        return (f"{prefix}.scene_step={_step(share)}",)
    name = f"{labels_of}_{share:g}pct"
    if name not in scene_list_names():
        known = ", ".join(scene_list_names())
        raise ValueError(
            f"there is no list of scenes {name}; there are {known}. labels_of is one of "
            f"{SAMPLES!r}, {SCENES!r} and the beginnings of these names."
        )
    return (f"{prefix}.scenes={name}",)


def _step(share: float) -> int:
    """Return N of "one of N" for a share in percent.

    Raises:
        ValueError: If it is not a whole number.
    """
    step = round(100 / share) if share > 0 else 0
    if step < 1 or abs(100 / step - share) > 1e-9:
        raise ValueError(
            f"a share of {share:g} % is not one of every N; choose 100, 50, 25, 20, 10, 5, 2, 1 "
            "or another 100/N."
        )
    return step
