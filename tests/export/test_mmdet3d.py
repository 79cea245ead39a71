"""Exported weights in mmdet3d's own CenterPoint, against this project's network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmdet3d.models import CenterPoint
from mmdet3d.structures import Det3DDataSample
from mmengine import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint

import perception_kd
from tests.api.conftest import Trained
from tests.fake_data.prepared import PreparedData
from tests.test_configs import CONFIGS
from tools import export, train

PILLARS = "calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus.py"
VOXELS = "calico/smoke/prc_voxel01_8xb4-cyclic-20e_nus.py"


def make_cloud(number: int = 4000) -> np.ndarray[Any, Any]:
    """Draw points with few in each voxel, so that none is left out at random."""
    generator = np.random.default_rng(0)
    spread = np.array([50.0, 50.0, 2.0, 100.0, 0.0])
    cloud = generator.uniform(-1, 1, (number, 5)) * spread
    cloud[:, 3] = np.abs(cloud[:, 3])
    return cloud.astype(np.float32)


def build_center_point(config: Path) -> Any:
    """Build mmdet3d's detector of the exported settings, with no head."""
    model = dict(Config.fromfile(config).model)
    assert model.pop("type") == "CenterPoint"
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        detector = CenterPoint(**model)
    # Without one, the detector leaves its LiDAR out.
    detector.pts_bbox_head = torch.nn.Identity()
    kinds = [getattr(detector, name) for name in model if name.startswith("pts_")]
    assert all(type(part).__module__.startswith("mmdet3d.") for part in kinds)
    return detector.eval()


def compute_map(detector: Any, cloud: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return the detector's BEV map (C, Y, X), by its own preprocessing."""
    data = {"inputs": {"points": [torch.from_numpy(cloud)]}, "data_samples": [Det3DDataSample()]}
    voxels = detector.data_preprocessor(data)["inputs"]["voxels"]
    with torch.no_grad():
        if hasattr(detector, "pts_backbone"):
            return detector.extract_pts_feat(voxels)[0][0]
        feats = detector.pts_voxel_encoder(voxels["voxels"], voxels["num_points"], voxels["coors"])
        return detector.pts_middle_encoder(feats, voxels["coors"], 1)[0]


def check(checkpoint: Path, folder: Path) -> None:
    """Export, load into CenterPoint, and compare the maps of a cloud."""
    out = folder / "weights.pth"
    assert export.main([str(checkpoint), "--to", "mmdet3d", "--out", str(out)]) == 0
    detector = build_center_point(out.with_suffix(".py"))
    # Strict: nothing is missing, and nothing is left over.
    load_checkpoint(detector, str(out), map_location="cpu", strict=True)
    cloud = make_cloud()
    expected = perception_kd.load(checkpoint, device="cpu").bev(torch.from_numpy(cloud))
    found = compute_map(detector, cloud)
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", [PILLARS, VOXELS])
def test_center_point_computes_the_same_map(
    config: str, trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    check(trained(config).path, tmp_path)


def test_settings_that_exist_are_kept(
    trained: Callable[[str], Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.py").write_text("mine")
    words = ["--to", "mmdet3d", "--out", str(tmp_path / "x.pth")]
    assert export.main([str(trained(PILLARS).path), *words]) == 2
    assert "x.py exists; give another --out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.py"]


@pytest.mark.slow
def test_center_point_computes_the_same_after_a_run_of_prc(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    config = CONFIGS / PILLARS
    run = [*prepared_synthetic.options_for(config), "--work-dir", str(tmp_path / "run")]
    assert train.main([str(config), *run, "--cfg-options", "train_cfg.max_epochs=1"]) == 0
    check(tmp_path / "run" / "epoch_1.pth", tmp_path)
