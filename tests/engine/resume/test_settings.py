"""Settings that a resumed training may not change."""

from typing import Any

import pytest

from perception_kd.engine.resume.settings import compare_settings


@pytest.mark.parametrize(
    ("stored", "current", "refused"),
    [
        (dict(sync_batch_norm=True), dict(sync_batch_norm=False), True),
        (dict(), dict(sync_batch_norm=True), False),
        (dict(sync_batch_norm=True), dict(sync_batch_norm=True), False),
    ],
)
def test_batch_norms_stay_synchronized_or_not(
    stored: dict[str, Any], current: dict[str, Any], refused: bool
) -> None:
    changes = compare_settings(stored, current)
    assert [each.name for each in changes.refused] == ["sync_batch_norm"] * refused
