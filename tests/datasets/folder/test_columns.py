"""Columns of a rig file in another order than those of the files."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.folder.points import check_points, make_layout
from perception_kd.datasets.folder.rig import Lidar, Times
from perception_kd.datasets.folder.sections import RigError
from perception_kd.structures import Points
from tests.io.test_column_roles import make_sweep

STORED = ("x", "y", "z", "intensity", "ring")


def read(
    folder: Path, suffix: str, columns: tuple[str, ...], intensity: str = "intensity"
) -> Points:
    """Read a street that is stored as ``STORED`` with other names of its columns."""
    sweep = make_sweep()
    rows = np.stack([sweep[name] for name in STORED], axis=1)
    path = folder / f"sweep{suffix}"
    np.save(path, rows) if suffix == ".npy" else rows.tofile(path)
    lidar = Lidar("*", Times("order"), columns, intensity=intensity, intensity_max=255)
    return check_points(path, lidar, make_layout(lidar), "rig.yaml: lidar")


@pytest.mark.parametrize("suffix", [".bin", ".npy"])
def test_the_true_order_is_read(suffix: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, suffix, STORED)) > 1000
    assert len(read(tmp_path, suffix, STORED, intensity="ring")) > 1000  # as one likes


@pytest.mark.parametrize("suffix", [".bin", ".npy"])
@pytest.mark.parametrize(
    "columns",
    [
        ("x", "y", "intensity", "z", "ring"),
        ("intensity", "x", "y", "z", "ring"),
        ("x", "y", "z", "ring", "intensity"),
        ("ring", "x", "y", "z", "intensity"),
        ("x", "z", "y", "intensity", "ring"),
        ("z", "y", "x", "intensity", "ring"),
    ],
)
def test_another_order_is_refused(suffix: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(RigError, match=r"rig.yaml: lidar\.(columns|axes|unit|intensity)"):
        read(tmp_path, suffix, columns)


def test_intensities_of_another_scale_are_refused(tmp_path: Path) -> None:
    sweep = make_sweep()
    rows = np.stack([sweep[name] for name in STORED], axis=1)
    rows[:, 3] /= 255  # 0..1, although the rig file says 0..255
    rows.tofile(tmp_path / "sweep.bin")
    lidar = Lidar("*", Times("order"), STORED, intensity="intensity", intensity_max=255)
    with pytest.raises(RigError, match=r"lidar\.intensity_max is 255, but .* only; set it to 1"):
        check_points(tmp_path / "sweep.bin", lidar, make_layout(lidar), "rig.yaml: lidar")
