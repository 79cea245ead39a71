"""Numbers that two parts of a config must agree on: ranges, cells and channels."""

from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

from perception_kd.engine.config.shared_numbers import check_shared_numbers, find_disagreements
from perception_kd.engine.run.launch import build_runner, read_config
from tests.test_configs import CONFIGS, LEAVES, name


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_numbers_that_parts_share_are_equal(path: Any) -> None:
    assert find_disagreements(Config.fromfile(path)) == {}


def test_the_reach_of_bev_maps_is_written_once() -> None:
    written = [name(path) for path in CONFIGS.rglob("*.py") if "51.2" in path.read_text()]
    assert written == []


FUSION = CONFIGS / "det" / "det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
RAD = CONFIGS / "calico" / "rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
MAPS = CONFIGS / "mapseg" / "mapseg_pillar02_8xb4-cyclic-20e_nus.py"
VOXELS = CONFIGS / "det" / "det_voxel01_8xb4-cyclic-20e_nus.py"
FAR = [-60.0, -51.2, -5.0, 51.2, 51.2, 3.0]


@pytest.mark.parametrize(
    ("path", "changed", "value", "quantity"),
    [
        (FUSION, "pts_voxelizer.point_cloud_range", FAR, "range of points"),
        (FUSION, "pts_voxelizer.voxel_size", [0.4, 0.4, 8], "size of voxels"),
        (FUSION, "pts_middle_encoder.output_shape", (256, 256), "grid of voxels"),
        (FUSION, "pts_neck.upsample_strides", [1, 2, 4], "cell of BEV maps"),
        (FUSION, "pts_neck.upsample_strides", [0.5, 1, 1], "stride of pts_neck"),
        (FUSION, "view_transform.downsample", 1, "cell of BEV maps"),
        (FUSION, "view_transform.point_cloud_range", FAR, "x and y of BEV maps"),
        (FUSION, "view_transform.in_channels", 128, "channels into view_transform"),
        (FUSION, "fuser.in_channels", [384, 80], "channels into fuser"),
        (FUSION, "bev_neck.in_channels", [128, 128], "channels of bev_backbone"),
        (FUSION, "pts_bbox_head.in_channels", 256, "channels into pts_bbox_head"),
        (FUSION, "pts_bbox_head.cell_size", 0.4, "cell of BEV maps"),
        (VOXELS, "pts_middle_encoder.sparse_shape", [40, 1024, 1024], "voxels along z"),
        (VOXELS, "pts_backbone.in_channels", 128, "channels into pts_backbone"),
        (RAD, "grid.cell_size", 0.4, "cell of BEV maps"),
        (RAD, "grid.point_cloud_range", FAR, "range of points"),
        (RAD, "img_projector.in_channels", 64, "channels of img map"),
        (MAPS, "map_head.in_cell_size", 0.4, "cell of BEV maps"),
        (MAPS, "map_head.out_cell_size", 0.4, "grid of labels"),
    ],
)
def test_a_number_that_disagrees_is_found(
    path: Any, changed: str, value: Any, quantity: str
) -> None:
    cfg = Config.fromfile(path)
    cfg.merge_from_dict({f"model.{changed}": value})
    assert quantity in find_disagreements(cfg)


@pytest.mark.parametrize(
    ("changed", "value", "message"),
    [
        ("pts_voxelizer.point_cloud_range", FAR, "range of points must be the same everywhere"),
        ("pts_voxelizer.voxel_size", [0.4, 0.4, 8], "but is \\(0.4, 0.4, 8\\) in pts_voxelizer"),
        ("pts_bbox_head.cell_size", 0.4, "cell of BEV maps .* 0.4 in pts_bbox_head; set all"),
    ],
)
def test_a_number_that_disagrees_is_refused(changed: str, value: Any, message: str) -> None:
    cfg = Config.fromfile(FUSION)
    cfg.merge_from_dict({f"model.{changed}": value})
    with pytest.raises(ValueError, match=message):
        check_shared_numbers(cfg)


def test_a_run_with_numbers_that_disagree_does_not_start(tmp_path: Path) -> None:
    cfg = read_config(FUSION, {"model.pts_voxelizer.point_cloud_range": FAR})
    cfg.work_dir = str(tmp_path / "work")
    with pytest.raises(ValueError, match="range of points must be the same everywhere"):
        build_runner(cfg)
    assert not (tmp_path / "work").exists()


def test_a_map_that_strides_do_not_divide_is_refused() -> None:
    cfg = Config.fromfile(CONFIGS / "calico" / "prc_pillar02_8xb4-cyclic-20e_nus.py")
    reach = [-50.0, -51.2, -5.0, 50.0, 51.2, 3.0]
    cfg.model.pts_voxelizer.point_cloud_range = cfg.model.grid.point_cloud_range = reach
    cfg.model.pts_voxel_encoder.point_cloud_range = reach
    cfg.model.pts_middle_encoder.output_shape = (512, 500)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline.sample_points.point_cloud_range = reach
    expected = "voxels along x, a multiple of 8 .* 500.0 in range / voxel_size, 496.0 in nearest"
    with pytest.raises(ValueError, match=expected):
        check_shared_numbers(cfg)


def test_networks_of_other_parts_are_not_judged() -> None:
    check_shared_numbers(Config(dict(model=dict(type="Other", pts_middle_encoder=1))))
    check_shared_numbers(Config(dict()))
