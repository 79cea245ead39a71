"""Reads files of Rerun back."""

from pathlib import Path
from typing import Any

import numpy as np


def read_recording(path: Path, timeline: str) -> dict[str, list[Any]]:
    """Return the values of each component at each step, by "entity:Component"."""
    import rerun

    recording = rerun.dataframe.load_recording(str(path))
    table = recording.view(index=timeline, contents="/**").select().read_all()
    return {
        name.lstrip("/"): [
            None if value is None else np.array(value) for value in table.column(name).to_pylist()
        ]
        for name in table.column_names
        if ":" in name
    }
