"""Findings on all samples: labels of the data set's own classes."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from perception_kd.doctor.finding import Level
from perception_kd.doctor.totals import check_point_labels


@pytest.mark.parametrize(
    ("table", "level", "text"),
    [
        ({"rail": 3, "tram": 1}, Level.OK, "100% .* 2 classes; 2 classes occur"),
        ({"vehicle.car": 3, "tram": 1}, Level.OK, "75% .* 16 classes; 1 classes occur"),
        ({"rail": 3}, Level.ERROR, "1 points have a label that the data set does not have"),
    ],
)
def test_labels_of_own_categories_have_classes(
    table: dict[str, int], level: Level, text: str
) -> None:
    metainfo = {"dataset": "nuscenes", "point_labels": table}
    source = SimpleNamespace(path="infos.pkl")
    info: Any = SimpleNamespace(source=source, metainfo=metainfo, samples=[])
    reports: Any = [SimpleNamespace(labels={3: 3}), SimpleNamespace(labels={1: 1})]
    (finding,) = check_point_labels(reports, info)
    assert finding.level == level
    assert re.search(text, finding.what)
