"""Submissions to SemanticKITTI's single-scan segmentation."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from perception_kd.datasets.semantickitti.labels import (
    SEMANTICKITTI_CLASSES,
    semantickitti_raw_labels,
)
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_NUM_SCANS
from perception_kd.datasets.submission import describe_missing, write_labels
from perception_kd.io.names import safe_name
from perception_kd.structures import Indices


class SemanticKITTISubmission:
    """``sequences/{sequence}/predictions/{frame}.label``.

    A label is a raw label of the data set, as little-endian uint32.

    Args:
        folder: Folder of the submission.
        version, meta: Not used: a submission has neither.
    """

    num_classes = len(SEMANTICKITTI_CLASSES)

    def __init__(
        self,
        folder: str | Path,
        version: str = "1.0",
        meta: Mapping[str, bool] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._raw_labels = semantickitti_raw_labels().astype("<u4")

    def write(self, sample: Mapping[str, Any], classes: Indices) -> str:
        """Write one file; return the sequence."""
        sequence = safe_name(sample["scene_name"], "scene_name of the info file")
        frame = safe_name(Path(sample["lidar_path"]).stem, "lidar_path of the info file")
        path = self.folder / "sequences" / sequence / "predictions" / f"{frame}.label"
        write_labels(self.folder, path, self._raw_labels[classes])
        return sequence

    def finish(self, parts: Iterable[str]) -> list[str]:
        """Return what sequences lack; the submission has no further file."""
        return describe_missing(parts, SEMANTICKITTI_NUM_SCANS)
