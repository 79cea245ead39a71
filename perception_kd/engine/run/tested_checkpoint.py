"""Refuse to evaluate a checkpoint with a config that it was not trained with."""

import fnmatch
from collections.abc import Mapping
from typing import Any

from mmengine import Config
from torch.nn import Module

from perception_kd.checkpoints.loading import load_weights
from perception_kd.checkpoints.matching import list_names
from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.checkpoints.stored_config import (
    UNSET,
    Difference,
    find_differences,
    parse_config,
)

# What predictions do not depend on, or what is chosen for a test.
_FREE = (
    *("model.*checkpoint", "model.*init_cfg*", "model.*test_cfg*", "model.*train_cfg*"),
    *("model.*loss*", "model.*frozen*", "model.*dropout*", "model.*amp_dtype"),
    *("model.*max_views_per_forward", "model.*channels_last", "model.*with_cp"),
)


def load_tested(model: Module, checkpoint: Checkpoint, cfg: Config) -> None:
    """Load all weights of a checkpoint, which must be those of the config's model.

    Args:
        model: The model that the config builds.
        checkpoint: Its weights are copied.
        cfg: Config of the test.

    Raises:
        ValueError: If tensors are missing, left over, of another shape or not finite,
            or a setting of the model is not that of the training.
    """
    report = load_weights(model, checkpoint, min_share=1.0)
    if report.unexpected:
        raise ValueError(
            f"{checkpoint.path} has {len(report.unexpected)} tensors that the model of "
            f"{cfg.filename} lacks ({list_names(report.unexpected)}); give the config that the "
            "checkpoint was trained with."
        )
    differing = find_other_settings(checkpoint.meta, cfg)
    if differing:
        listed = "; ".join(map(str, differing[:4]))
        more = f"; and {len(differing) - 4} more" if len(differing) > 4 else ""
        raise ValueError(
            f"{checkpoint.path} was trained with another model than that of {cfg.filename}: "
            f"{listed}{more}; give the config and --cfg-options of its training."
        )


def find_other_settings(meta: Mapping[str, Any], cfg: Config) -> list[Difference]:
    """List the settings of the model that differ between a training and a test.

    Args:
        meta: What a checkpoint holds about its run; without a config, nothing differs.
        cfg: Config of the test.

    Returns:
        Settings that both have with different values. Those that only one has may be
        of another version of this project.
    """
    text = meta.get("cfg")
    if not isinstance(text, str):
        return []
    try:
        stored = parse_config(text).get("model", {})
    except ValueError:
        return []
    current = parse_config(cfg.pretty_text).get("model", {})
    return [
        each
        for each in find_differences(stored, current, "model")
        if UNSET not in (each.stored, each.current)
        and not any(fnmatch.fnmatchcase(each.name, pattern) for pattern in _FREE)
        # Classes of 0.1 and 0.2 had other names.
        and (not each.name.endswith(".type") or "world_size" in meta)
    ]
