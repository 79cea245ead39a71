"""Section of the stages and their times, the settings, and the versions."""

import re
from collections.abc import Mapping
from typing import Any

from perception_kd.experiments.report.layout import Section
from perception_kd.experiments.report.stored import texts
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.experiments.trials import Comparison, capitalize

PRETRAINING = "Pre-training, without labels"
# Settings that the page shows elsewhere; "arms" are the initializations.
_SHOWN_ELSEWHERE = ("arms", "configs", "protocols")


def overview_section(work: WorkDir) -> Section:
    """Describe a demo by its summary."""
    seconds: dict[str, float] = dict(work.summary.get("seconds", {}))
    total = seconds.pop("total", sum(seconds.values()))
    settings: dict[str, Any] = dict(work.summary.get("settings", {}))
    content = {
        "groups": group_stages(seconds, work.comparison),
        "total": duration(total),
        "settings": flatten({k: v for k, v in settings.items() if k not in _SHOWN_ELSEWHERE}),
        "configs": {
            label_config(name, work.comparison): path
            for name, path in texts(settings.get("configs")).items()
        },
        "versions": flatten(
            {**work.summary.get("versions", {}), **work.summary.get("machine", {})}
        ),
    }
    missing = [] if work.summary else ["The demo has not finished, so there is no summary yet."]
    return Section("overview", "Overview", content, missing=(*missing, *work.damage))


def group_stages(seconds: Mapping[str, float], comparison: Comparison) -> list[dict[str, Any]]:
    """Return the stages in groups, in the order in which they ran.

    Args:
        seconds: Wall time of each stage in s, by name.
        comparison: What was run.

    Returns:
        Groups with ``name``, ``time``, ``share`` of the longest group's time, and
        ``stages`` as (name, time).
    """
    groups: dict[str, dict[str, float]] = {}
    for name, value in seconds.items():
        group, stage = label_stage(name, comparison)
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


def label_stage(name: str, comparison: Comparison) -> tuple[str, str]:
    """Return the group of a stage and its name within the group, for the reader.

    Example:
        >>> from perception_kd.experiments.comparisons import DEMO
        >>> label_stage("superpixels", DEMO)
        ('Data', 'Superpixels')
        >>> label_stage("pretrain-prc-seed0", DEMO)
        ('Pre-training, without labels', 'PRC, seed 0')
        >>> label_stage("linear_probe-random-seed1-test", DEMO)
        ('LiDAR segmentation, linear probe', 'Random init, seed 1, evaluation')
    """
    found = re.fullmatch(r"(\w+)-(\w+)-seed(\d+)(-test)?", name)
    if not found:
        return ("Report", "Report") if name == "report" else ("Data", capitalize(name))
    group, initialization, seed, tested = found.groups()
    name = comparison.initialization_titles.get(initialization, initialization)
    stage = f"{name}, seed {seed}{', evaluation' if tested else ''}"
    title = comparison.protocol_titles.get(group, group)
    return PRETRAINING if group == "pretrain" else title, stage


def label_config(name: str, comparison: Comparison) -> str:
    """Return the title of the training that uses a config."""
    if name in comparison.pretrainings:
        return f"{comparison.pretrainings[name].about} pre-training"
    return comparison.protocol_titles.get(name, name)


def duration(seconds: float) -> str:
    """Format a time for the reader.

    Example:
        >>> duration(42.4), duration(750), duration(7260)
        ('42 s', '12 min 30 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested settings to rows of name and value.

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
            rows.append((prefix + name, ", ".join(map(_format, values))))
    return rows


def _format(value: Any) -> str:
    """Format a value for the reader."""
    if value is None:
        return "unknown"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
