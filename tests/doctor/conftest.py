"""A small data set with caches, which a test may damage."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from perception_kd.doctor.caches import open_caches
from perception_kd.doctor.data import Extent, check_samples
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.infos import Info, InfoSource, read_source
from perception_kd.structures import Points
from tests.fake_data.prepared import PreparedData

ROOT = Path(__file__).parents[2]
SLIDR = ROOT / "configs/slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
PRC = ROOT / "configs/calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus.py"


@dataclass
class SmallSet:
    """Three keyframes of one scene, with superpixels and regions.

    Attributes:
        root: Folder of the data set; its files are links, which tests replace.
        info_root: Folder of info files and caches.
        info: Content of the info file of the training split.
    """

    root: Path
    info_root: Path
    info: Info

    def path(self, kind: str, index: int = -1) -> Path:
        """Return the file of a kind, "pts" or the name of a camera, of a sample.

        The sweep of the last sample is not an earlier sweep of another.
        """
        sample = self.info.samples[index]
        names = {name: view["img_path"] for name, view in sample["images"].items()}
        names["pts"] = sample["lidar_points"]["lidar_path"]
        names["pts_semantic_mask"] = sample["pts_semantic_mask_path"]
        return self.root / self.info.metainfo["data_prefix"][kind] / names[kind]

    def cache(self, kind: str) -> Path:
        """Return the folder of the cache of a kind."""
        return next((self.info_root / kind).glob("*/"))

    def replace(self, path: Path, data: bytes) -> None:
        """Replace a file, without changing the one that it is a link to."""
        path.unlink()
        path.write_bytes(data)

    def change_points(self, index: int, change: Callable[[Points], Points]) -> None:
        """Replace the points of a sample, shape (N, 5)."""
        path = self.path("pts", index)
        points = np.fromfile(path, np.float32).reshape(-1, 5)
        self.replace(path, change(points).astype(np.float32).tobytes())

    def check(self) -> list[Finding]:
        """Check all samples, in this process."""
        caches, findings = open_caches([self.info], None)
        extent = Extent(None, workers=0, progress=False)
        return [*findings, *check_samples(self.info, caches, extent)]

    def faults(self) -> list[Finding]:
        """Return the findings that are not OK."""
        return [finding for finding in self.check() if finding.level is not Level.OK]


@pytest.fixture
def small_set(
    synthetic_nuscenes: Path, prepared_synthetic: PreparedData, tmp_path: Path
) -> SmallSet:
    """Return a copy of ``synthetic_nuscenes``, its info files and caches."""
    prepared_synthetic.options_for(SLIDR)
    info_root = Path(prepared_synthetic.options_for(PRC)[-1])
    root, infos = tmp_path / "data", tmp_path / "infos"
    shutil.copytree(synthetic_nuscenes, root, copy_function=os.link)
    shutil.copytree(info_root, infos, copy_function=os.link)
    info = read_source(InfoSource(infos / "nuscenes_infos_train.pkl", root, infos))
    assert isinstance(info, Info)
    return SmallSet(root, infos, info)
