"""Session fixtures for ``tests/conftest.py``; tests must not change their folders."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SyntheticSettings
from tests.fake_data.nuscenes import make_nuscenes
from tests.fake_data.prepared import PreparedData
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
def synthetic_nuscenes(shared_folder: Path) -> Path:
    """Two synthetic scenes (train, val), three keyframes, lidarseg, maps, sweeps."""
    root = shared_folder / "synthetic"
    with FileLock(f"{root}.lock"):
        return create_synthetic(root, TINY, workers=0, progress=False)


@pytest.fixture(scope="session")
def prepared_synthetic(synthetic_nuscenes: Path) -> PreparedData:
    """Info files of ``synthetic_nuscenes``, and the caches that a config reads."""
    command = ["nuscenes", "--version", "v1.0-mini", "--workers", "0"]
    return PreparedData(synthetic_nuscenes, synthetic_nuscenes.parent / "prepared", command)


@pytest.fixture(scope="session")
def prepared_semantickitti(
    fake_semantickitti: Path, tmp_path_factory: pytest.TempPathFactory
) -> PreparedData:
    """Info files of ``fake_semantickitti``, and the caches that a config reads."""
    info_root = tmp_path_factory.mktemp("semantickitti") / "prepared"
    return PreparedData(fake_semantickitti, info_root, ["semantickitti"])


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this test run that all workers of pytest-xdist share."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "shared"
    folder.mkdir(exist_ok=True)
    return folder
