"""What was run: stages and their time, settings, versions."""

import re
from collections.abc import Mapping
from typing import Any

from perception_kd.visualization.report.section import Section
from perception_kd.visualization.report.work_dir import WorkDir


def overview_section(work: WorkDir) -> Section:
    """Describe the run from its summary."""
    seconds = dict(work.summary.get("seconds", {}))
    total = seconds.pop("total", sum(seconds.values()))
    longest = max(seconds.values(), default=0) or 1
    content = {
        "stages": [
            {"name": label(name), "time": duration(value), "share": value / longest}
            for name, value in seconds.items()
        ],
        "total": duration(total),
        "settings": flatten(work.summary.get("settings", {})),
        "versions": flatten(
            {**work.summary.get("versions", {}), **work.summary.get("machine", {})}
        ),
    }
    missing = () if work.summary else ("The demo has not written its summary yet.",)
    return Section("overview", "What was run", content, missing=missing)


def duration(seconds: float) -> str:
    """Write a time for a reader.

    Example:
        >>> duration(42.4), duration(750)
        ('42 s', '12 min 30 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def label(name: str) -> str:
    """Write a key as words.

    Example:
        >>> label("linear_probe-slidr-seed0")
        'Linear probe, slidr, seed 0'
    """
    words = re.sub(r"seed(\d+)", r"seed \1", name.replace("-", ", ").replace("_", " "))
    return words[:1].upper() + words[1:]


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
