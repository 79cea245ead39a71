"""Submissions to nuScenes-lidarseg."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.nuscenes.splits import NUSCENES_NUM_SAMPLES, evaluation_set
from perception_kd.datasets.submission import describe_missing, write_labels
from perception_kd.io.atomic import write_json
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.io.names import safe_name
from perception_kd.structures import Indices


class NuScenesSubmission:
    """``lidarseg/{set}/{token}_lidarseg.bin`` and ``{set}/submission.json``.

    The set is the devkit's name of the split with the sample's scene. A label is one
    byte, 1 to 16 in the devkit's order.

    Args:
        folder: Folder of the submission.
        version: Version of nuScenes.
        meta: Entries of the submission's ``meta`` that differ from those of a network
            with LiDAR input only, such as ``dict(use_external=True)``.

    Raises:
        ValueError: If ``meta`` has an unknown entry.
    """

    num_classes = len(NUSCENES_CLASSES)

    def __init__(
        self, folder: str | Path, version: str, meta: Mapping[str, bool] | None = None
    ) -> None:
        self.folder, self.version = Path(folder), version
        inputs = ("camera", "lidar", "radar", "map", "external")
        self.meta = {f"use_{name}": name == "lidar" for name in inputs}
        unknown = set(meta or ()) - self.meta.keys()
        if unknown:
            known = ", ".join(self.meta)
            raise ValueError(f"meta must have entries of {known}, but got {sorted(unknown)}.")
        self.meta.update(meta or {})
        self._begun: set[str] = set()

    def write(self, sample: Mapping[str, Any], classes: Indices) -> str:
        """Write one file; return the name of the set."""
        part = evaluation_set(self.version, sample["scene_name"])
        token = safe_name(sample["lidar_token"], "lidar_token of the info file")
        if part not in self._begun:
            # Predictions of two runs are no submission, if this one does not end.
            self._description(part).unlink(missing_ok=True)
            self._begun.add(part)
        path = self.folder / "lidarseg" / part / f"{token}_lidarseg.bin"
        write_labels(self.folder, path, (classes + 1).astype(np.uint8))
        return part

    def finish(self, parts: Iterable[str]) -> list[str]:
        """Write the description of each set; return what they lack."""
        parts = list(parts)
        for part in set(parts):
            path = self._description(part)
            make_inner_folder(self.folder, path.parent)
            write_json(path, {"meta": self.meta})
        return describe_missing(parts, NUSCENES_NUM_SAMPLES)

    def _description(self, part: str) -> Path:
        return self.folder / part / "submission.json"
