"""perception_kd.pretrain on ROS bags and on folders of SemanticKITTI."""

from pathlib import Path

import pytest

import perception_kd
from perception_kd.io.point_files.readers import read_points
from perception_kd.structures import PointLayout, Points
from tests.datasets.rosbag.bags import BagMaker
from tests.datasets.rosbag.test_world import as_messages, read_world
from tests.fake_data import make_semantickitti

NO_WORKERS = perception_kd.PretrainOptions(workers=0)


@pytest.mark.slow
def test_a_bag_is_converted_and_learned_from(synthetic_nuscenes: Path, tmp_path: Path) -> None:
    bag = BagMaker(tmp_path, "mcap").write(as_messages(list(read_world(synthetic_nuscenes))))
    done = perception_kd.pretrain(bag, "slidr", tmp_path / "out", epochs=1, options=NO_WORKERS)
    report = done.report.read_text()
    assert "3 frames for training" in report
    assert "cameras: " in report
    assert "front" in report.split("cameras: ")[1].splitlines()[0]
    net = perception_kd.load(done.checkpoint, device="cpu")
    cloud = read_first(done.report.parent / "data" / "recording" / "lidar")
    assert net.points(cloud).shape == (len(cloud), 64)


@pytest.mark.slow
def test_sequences_of_semantickitti_are_learned_from(tmp_path: Path) -> None:
    root = make_semantickitti(tmp_path / "kitti")
    done = perception_kd.pretrain(root, "prc", tmp_path / "out", epochs=1, options=NO_WORKERS)
    assert "6 frames for training, 3 for validation" in done.report.read_text()
    net = perception_kd.load(done.checkpoint, device="cpu")
    cloud = read_first(root / "sequences" / "00" / "velodyne")
    assert net.bev(cloud).ndim == 3


def read_first(folder: Path) -> Points:
    """Return the first point cloud of a folder, (N, 4)."""
    return read_points(sorted(folder.iterdir())[0], PointLayout())[:, :4]
