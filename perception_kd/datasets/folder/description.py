"""Description of your own recordings for the catalog: they have no labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np

from perception_kd.datasets.data_set import DataSet
from perception_kd.datasets.semantic_labels import IGNORE_INDEX


def _no_split(version: str, split: str) -> NoReturn:
    raise ValueError(
        f"scenes is {split!r}, but recordings of a folder have no official splits; list names of "
        "scenes, or name a file with one per line."
    )


def _no_submission(folder: str | Path, version: str, meta: Mapping[str, bool] | None) -> NoReturn:
    raise ValueError(
        "Recordings of a folder have no benchmark to submit to; leave out submission_dir."
    )


DATA_SET = DataSet(
    seg_classes=(),
    make_label_mapping=lambda _: np.full(256, IGNORE_INDEX),
    split_scenes=_no_split,
    make_submission=_no_submission,
)
