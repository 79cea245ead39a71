"""Fixtures that ``tests/conftest.py`` hands to all tests; the trees are read-only."""

from pathlib import Path

import pytest

from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.settings import SyntheticSettings
from tests.fake_data.nuscenes import make_nuscenes
from tests.fake_data.semantickitti import make_semantickitti

TINY = SyntheticSettings(scenes=2, keyframes=3, sweeps=1, width=320, height=180)


@pytest.fixture(scope="session")
def fake_nuscenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of v1.0-mini (train, val), two keyframes each, lidarseg, one sweep."""
    return make_nuscenes(tmp_path_factory.mktemp("fake") / "nuscenes")


@pytest.fixture(scope="session")
def fake_semantickitti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequences 00 and 07 (train) and 08 (val), three frames each."""
    return make_semantickitti(tmp_path_factory.mktemp("fake") / "semantickitti")


@pytest.fixture(scope="session")
def synthetic_nuscenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn scenes (train, val) of three keyframes; lidarseg, maps, one sweep."""
    return create_synthetic(tmp_path_factory.mktemp("synthetic"), TINY, workers=0, progress=False)
