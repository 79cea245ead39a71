"""What was run: stages and their time, settings, versions."""

import re
from collections.abc import Mapping
from typing import Any

from perception_kd.experiments import comparisons
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.work_dir import ARMS, PROTOCOLS, WorkDir, capitalize

PRETRAINING = "Pre-training, without labels"
# Names of the settings that the page shows in other words elsewhere.
_SAID = ("arms", "configs", "protocols")


def overview_section(work: WorkDir) -> Section:
    """Describe the run from its summary."""
    seconds = dict(work.summary.get("seconds", {}))
    total = seconds.pop("total", sum(seconds.values()))
    settings = dict(work.summary.get("settings", {}))
    content = {
        "groups": group_stages(seconds),
        "total": duration(total),
        "settings": flatten({k: v for k, v in settings.items() if k not in _SAID}),
        "configs": {label_config(name): path for name, path in settings.get("configs", {}).items()},
        "versions": flatten(
            {**work.summary.get("versions", {}), **work.summary.get("machine", {})}
        ),
    }
    missing = () if work.summary else ("The demo has not written its summary yet.",)
    return Section("overview", "What was run", content, missing=missing)


def group_stages(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return stages by what they are part of, in the order in which they ran.

    Args:
        seconds: By the name of the stage.

    Returns:
        Groups with ``name``, ``time``, ``share`` of the longest group's time, and their
        ``stages`` as (name, time).
    """
    groups: dict[str, dict[str, float]] = {}
    for name, value in seconds.items():
        group, stage = label_stage(name)
        groups.setdefault(group, {})[stage] = value
    sums = {group: sum(stages.values()) for group, stages in groups.items()}
    longest = max(sums.values(), default=0) or 1
    return [
        {
            "name": group,
            "time": duration(sums[group]),
            "share": sums[group] / longest,
            "stages": [(stage, duration(value)) for stage, value in stages.items()],
        }
        for group, stages in groups.items()
    ]


def label_stage(name: str) -> tuple[str, str]:
    """Return what a stage is part of, and its name in that, for a reader.

    Example:
        >>> label_stage("superpixels")
        ('Data', 'Superpixels')
        >>> label_stage("pretrain-prc-seed0")
        ('Pre-training, without labels', 'PRC, seed 0')
        >>> label_stage("linear_probe-random-seed1-test")
        ('LiDAR segmentation, linear probe', 'Random init, seed 1, evaluation')
    """
    found = re.fullmatch(r"(\w+)-(\w+)-seed(\d+)(-test)?", name)
    if not found:
        return ("Report", "Report") if name == "report" else ("Data", capitalize(name))
    part, arm, seed, tested = found.groups()
    stage = f"{ARMS.get(arm, arm)}, seed {seed}{', evaluation' if tested else ''}"
    return PRETRAINING if part == "pretrain" else PROTOCOLS.get(part, part), stage


def label_config(name: str) -> str:
    """Return whose config it is, for a reader."""
    if name in comparisons.PRETRAININGS:
        return f"{comparisons.PRETRAININGS[name].about} pre-training"
    return PROTOCOLS.get(name, name)


def duration(seconds: float) -> str:
    """Write a time for a reader.

    Example:
        >>> duration(42.4), duration(750), duration(7260)
        ('42 s', '12 min 30 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as rows of name and value.

    Example:
        >>> flatten({"seeds": [0, 1], "tiny": False, "data": {"scenes": 10}})
        [('seeds', '0, 1'), ('tiny', 'no'), ('data.scenes', '10')]
    """
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{name}.")
        else:
            values = value if isinstance(value, list | tuple) else [value]
            rows.append((prefix + name, ", ".join(map(_write, values))))
    return rows


def _write(value: Any) -> str:
    """Write a value for a reader."""
    if value is None:
        return "unknown"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
