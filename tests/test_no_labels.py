"""Pre-training reads no label: without any, the weights are the same to the bit."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from tests.fake_data.prepared import PreparedData
from tests.test_configs import CONFIGS, few_steps, read_weights
from tools import train

# Pre-trainings, and the sensors whose files they read.
CASES = {
    "slidr": ("slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus", {"LIDAR", "CAM"}),
    "ppkt": ("ppkt/smoke/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus", {"LIDAR", "CAM"}),
    "prc": ("calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus", {"LIDAR"}),
    "rad": ("calico/smoke/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus", {"LIDAR", "CAM"}),
}
LABELS = ("instances", "cam_instances", "pts_semantic_mask_path")


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """Collect the paths of all files that are opened meanwhile, but for modules.

    Which modules are still to be imported depends on the tests before.
    """
    paths: list[str] = []
    recording = [True]

    def record(event: str, args: tuple[Any, ...]) -> None:
        if recording and event == "open" and isinstance(args[0], str | bytes | Path):
            path = os.fsdecode(args[0])
            if not path.endswith((".py", ".pyc")):
                paths.append(path)

    sys.addaudithook(record)
    try:
        yield paths
    finally:
        recording.clear()  # a hook cannot be removed


def copy_without_labels(data_root: Path, info_root: Path, folder: Path) -> list[str]:
    """Return the options that name a copy with sensor files, poses and caches alone."""
    data, infos = folder / "data", folder / "infos"
    data.mkdir(parents=True)
    infos.mkdir()
    for name in ("samples", "sweeps"):
        (data / name).symlink_to(data_root / name)
    for name in ("regions", "superpixels"):
        if (info_root / name).exists():
            shutil.copytree(info_root / name, infos / name)
    for path in info_root.glob("*_infos_*.pkl"):
        info = read_info(path)
        removed = [s.pop(key, None) for s in info["data_list"] for key in LABELS]
        assert any(value is not None for value in removed)
        write_info(infos / path.name, info["metainfo"], info["data_list"])
    return ["--data-root", str(data), "--info-root", str(infos)]


@pytest.mark.slow
@pytest.mark.parametrize("method", CASES)
def test_without_labels_the_weights_are_the_same_to_the_bit(
    method: str, prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    name, sensors = CASES[method]
    config = CONFIGS / f"{name}.py"
    with_labels = prepared_synthetic.options_for(config)
    data_root, info_root = map(Path, (with_labels[1], with_labels[3]))
    without = copy_without_labels(data_root, info_root, tmp_path / "stripped")
    weights = []
    for kind, folders in (("with", with_labels), ("without", without)):
        work_dir = tmp_path / kind
        options = [*folders, "--work-dir", str(work_dir), *few_steps(config)]
        with opened_files() as paths:
            named = f"experiment_name={work_dir}"  # mmengine shares the state of a name
            assert train.main([str(config), *options, named]) == 0
        (checkpoint,) = work_dir.glob("*.pth")
        weights.append(read_weights(checkpoint))
        root = Path(folders[1])
        read = {Path(path).relative_to(root) for path in paths if path.startswith(str(root))}
        # Data of these sensors and nothing else of the data set: no table or mask.
        assert len(read) > 3
        assert {path.parts[0] for path in read} <= {"samples", "sweeps"}
        assert {path.parts[1].split("_")[0] for path in read} == sensors
    first, second = weights
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
