"""Offline stages and stages of sweeps on one Ray cluster do what they do locally."""

import argparse
from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.semantickitti.converter import convert_semantickitti
from perception_kd.engine.commands import create_joint_regions
from perception_kd.engine.teacher_cache.create import create_teacher_cache
from perception_kd.experiments.cluster import ClusterExecutor
from perception_kd.experiments.executors import StageJob
from perception_kd.experiments.ray_arrays import RayArrays
from perception_kd.io.caches.rows import IDS, INDEX, ROWS
from perception_kd.io.info_file import read_info
from tests.engine.teacher_cache.test_create import OPTIONS, read_small
from tests.experiments.test_commands import ends, wait_until
from tests.experiments.test_parallel import check_a_failed_stage
from tests.fake_data.prepared import PreparedData
from tests.io.ray_cluster.small_cluster import SmallCluster

pytestmark = pytest.mark.slow


def test_a_conversion_on_ray_has_the_same_content(
    ray_cluster: SmallCluster, fake_nuscenes: Path, tmp_path: Path
) -> None:
    here, there = (
        convert_nuscenes(
            fake_nuscenes, "v1.0-mini", tmp_path, prefix, workers=workers, progress=False
        )
        for prefix, workers in (("here", 0), ("there", ray_cluster.pool))
    )
    assert here.num_samples == there.num_samples == {"train": 2, "val": 2}
    for split, path in here.paths.items():
        assert read_info(path)["data_list"] == read_info(there.paths[split])["data_list"]


def test_regions_of_both_sensors_on_ray_are_the_same_bytes(
    ray_cluster: SmallCluster, fake_semantickitti: Path, tmp_path: Path
) -> None:
    written = []
    ray = ("--executor", "ray", "--address", ray_cluster.pool.address)
    for name, options in (("here", ("--workers", "0")), ("there", ray)):
        folder = tmp_path / name
        folder.mkdir()
        convert_semantickitti(fake_semantickitti, folder, splits={"val": [8]}, progress=False)
        parser = argparse.ArgumentParser()
        create_joint_regions.add_arguments(parser)
        words = ["--info", str(folder / "semantickitti_infos_val.pkl")]
        words += ["--data-root", str(fake_semantickitti), "--num-segments", "20", *options]
        words += ["--settings", "sensor_height=1.73", "--min-points", "2"]
        create_joint_regions.run(parser.parse_args(words))
        paths = [*folder.glob("*/joint_20/*.png"), *folder.glob("*/joint_20/*.npz")]
        written.append({path.name: path.read_bytes() for path in paths})
    assert written[0] == written[1]
    assert len(written[0]) > 1


def test_a_teacher_on_ray_gives_the_same_bytes(
    ray_cluster: SmallCluster, prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    written = []
    for name, workers in (("here", 0), ("there", ray_cluster.pool)):
        (tmp_path / name).mkdir()
        cfg = read_small(prepared_synthetic, tmp_path / name)
        cache = create_teacher_cache(cfg, OPTIONS._replace(workers=workers))
        written.append([(cache.folder / file).read_bytes() for file in (ROWS, IDS, INDEX)])
    assert written[0] == written[1]


def test_stages_on_ray_run_and_failures_are_named(
    ray_cluster: SmallCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = ClusterExecutor(RayArrays(ray_cluster.pool.address, {"num_cpus": 1}), 2)
    check_a_failed_stage(executor, tmp_path)
    assert "a2: done in" in capsys.readouterr().out


SLEEP = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(1000)
"""


def test_a_stop_ends_commands_on_the_cluster(ray_cluster: SmallCluster, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    executor = ClusterExecutor(RayArrays(ray_cluster.pool.address), 1)
    job = StageJob("sleep", ("-c", SLEEP, str(path)), tmp_path / "log")
    (running,) = executor.start([job], None)
    wait_until(lambda: path.exists() and path.read_text() != "")
    executor.stop()
    assert running.poll() == 1
    assert "was lost" in (tmp_path / "log").read_text()
    assert ends(int(path.read_text()))
