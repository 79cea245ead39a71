"""ONNX files of dense parts, against the network that they are of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

import perception_kd
from perception_kd.export.onnx import parts
from perception_kd.export.onnx.left_behind import list_left_behind
from perception_kd.export.onnx.modules import DensePart
from perception_kd.models.view_transforms.frustum import Cameras, frustum_cells
from tests.api.conftest import Trained
from tools import export

pytest.importorskip("onnxruntime")
from perception_kd.export.onnx.files import compare_with_torch, run_onnx, to_onnx, write_parts

Make = Callable[[str], Trained]
PILLARS = "calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus.py"
VOXELS = "det/smoke/det_voxel01_8xb4-cyclic-20e_nus.py"
DETECTION = "det/smoke/det_pillar02_8xb4-cyclic-20e_nus.py"
RAD = "calico/smoke/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py"
DEPTH = "det/smoke/det_swint-depthlss_pillar02_8xb4-cyclic-20e_nus.py"
CAMERAS = "det/smoke/det_r50-lss_8xb4-cyclic-20e_nus.py"
MAPS = "mapseg/smoke/mapseg_swint-lss_8xb4-cyclic-20e_nus.py"
MAPS_OF_LIDAR = "mapseg/smoke/mapseg_pillar02_8xb4-cyclic-20e_nus.py"
SLIDR = "slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"


def relative(found: Any, expected: Any) -> float:
    """Return the greatest difference in units of the greatest value."""
    assert np.abs(expected).max() > 0
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_pillars_in_two_files_make_the_map_of_the_network(
    trained: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of = trained(PILLARS)
    words = [str(run_of.path), "--to", "onnx", "--out", str(tmp_path / "onnx")]
    assert export.main(words) == 0
    lines = capsys.readouterr().out
    assert "pillar_encoder.onnx: points of K pillars" in lines
    assert "any K, other sizes are fixed" in lines
    assert "not exported: " in lines
    net = perception_kd.load(run_of.path, device="cpu")
    model = cast(Any, net.model)
    voxels = model.pts_voxelizer(run_of.inputs["points"][:1])
    inputs = {"points": voxels.features, "num_points": voxels.num_points, "coors": voxels.coors}
    inputs = {k: v if k == "points" else v.long() for k, v in inputs.items()}
    (pillars,) = run_onnx((tmp_path / "onnx" / "pillar_encoder.onnx").read_bytes(), inputs)
    bev = model.pts_middle_encoder(torch.from_numpy(pillars), voxels.coors, 1)
    (found,) = run_onnx((tmp_path / "onnx" / "lidar_map_network.onnx").read_bytes(), {"bev": bev})
    expected = model.extract_pts_bev(run_of.inputs["points"][:1]).numpy(force=True)
    assert relative(found, expected) < 1e-4


def test_cameras_make_the_map_of_the_network(trained: Make) -> None:
    run_of = trained(RAD)
    net = perception_kd.load(run_of.path, device="cpu")
    model = cast(Any, net.model)
    views = run_of.inputs["view_sample"] == 0
    number = int(views.sum())
    (part,) = [
        each for each in parts.list_dense_parts(net, None, number) if each.name == "camera_bev"
    ]
    inputs: Any = {key: value for key, value in run_of.inputs.items() if key != "points"}
    per_view = ("imgs", "lidar2cam", "cam2img", "img_aug_matrix", "view_sample")
    inputs = {key: value[views] if key in per_view else value[:1] for key, value in inputs.items()}
    transform = model.view_transform
    cells = frustum_cells(
        Cameras.from_inputs(inputs),
        cast(Any, tuple(part.inputs["cells"].shape[2:])),
        transform.depths,
        transform.grid,
    )
    (found,) = run_onnx(to_onnx(part), {"imgs": inputs["imgs"], "cells": cells.long()})
    with torch.no_grad():
        expected = model.extract_img_bev(inputs).numpy()
    assert relative(found, expected) < 1e-4


def test_a_head_is_part_of_the_file(trained: Make) -> None:
    net = perception_kd.load(trained(DETECTION).path, device="cpu")
    part = parts.list_dense_parts(net, None, 1)[-1]
    assert part.outputs[:6] == tuple(
        f"task0_{name}" for name in ("reg", "height", "dim", "rot", "vel", "heatmap")
    )
    assert compare_with_torch(part, to_onnx(part)) < 1e-4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SLIDR, "has no dense part: its network is sparse convolutions throughout"),
    ],
)
def test_what_cannot_go_is_said(
    config: str, message: str, trained: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [str(trained(config).path), "--to", "onnx", "--out", str(tmp_path / "onnx")]
    assert export.main(words) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "onnx").exists()


def test_a_detector_from_cameras_is_two_files_with_its_head(trained: Make) -> None:
    run_of = trained(CAMERAS)
    net = perception_kd.load(run_of.path, device="cpu")
    model = cast(Any, net.model)
    found = {part.name: part for part in parts.list_dense_parts(net, (64, 96), 1)}
    assert list(found) == ["camera_bev", "map_network"]
    bev = found["map_network"].inputs["bev"]
    maps = run_onnx(to_onnx(found["map_network"]), {"bev": bev})
    with torch.no_grad():
        expected = model.pts_bbox_head(model.bev_neck(model.bev_backbone(bev)))
    assert relative(maps[0], expected[0][0]["reg"].numpy()) < 1e-4
    assert list_left_behind(net.model, [*found.values()]) == []


@pytest.mark.parametrize("config", [MAPS, MAPS_OF_LIDAR])
def test_map_segmentation_has_a_file_with_its_head(config: str, trained: Make) -> None:
    net = perception_kd.load(trained(config).path, device="cpu")
    part = parts.list_dense_parts(net, (64, 96), 1)[-1]
    assert part.outputs == ("scores",)
    assert compare_with_torch(part, to_onnx(part)) < 1e-4


def test_the_parts_after_a_fusion_take_the_maps_of_both_sensors(trained: Make) -> None:
    net = perception_kd.load(trained(DEPTH).path, device="cpu")
    model = cast(Any, net.model)
    found = {part.name: part for part in parts.list_dense_parts(net, None, 1)}
    assert list(found) == ["pillar_encoder", "lidar_map_network", "map_network"]
    maps = found["map_network"].inputs
    lidar = found["lidar_map_network"]
    assert lidar.module(*lidar.inputs.values()).shape == maps["lidar_bev"].shape
    results = run_onnx(to_onnx(found["map_network"]), maps)
    with torch.no_grad():
        fused = model.fuser([maps["camera_bev"], maps["lidar_bev"]])
        expected = model.pts_bbox_head(model.bev_neck(model.bev_backbone(fused)))
    assert relative(results[0], expected[0][0]["reg"].numpy()) < 1e-4
    # The cameras stay behind, by name.
    left = list_left_behind(net.model, [*found.values()])
    assert [line.split(" ")[0] for line in left] == ["img_backbone", "img_neck", "view_transform"]
    assert all("draws depth images of the points" in line for line in left)


def test_what_stays_behind_is_named_with_its_reason(trained: Make) -> None:
    net = perception_kd.load(trained(VOXELS).path, device="cpu")
    (line,) = list_left_behind(net.model, parts.list_dense_parts(net, None, 1))
    assert line.startswith("pts_middle_encoder (")
    assert "sparse convolutions" in line
    net = perception_kd.load(trained(PILLARS).path, device="cpu")
    left = list_left_behind(net.model, parts.list_dense_parts(net, None, 1))
    assert left
    assert all(line.endswith("tensors): only the training needs it") for line in left)


def test_a_file_that_computes_something_else_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Doubled(nn.Module):
        """Doubles, and triples once it has been converted."""

        factor = 2.0

        def forward(self, bev: torch.Tensor) -> torch.Tensor:
            return bev * self.factor

    module = Doubled().eval()
    part = DensePart("x", module, {"bev": torch.ones(1, 2)}, ("out",), {}, "")
    data = to_onnx(part)
    module.factor = 3.0
    monkeypatch.setattr("perception_kd.export.onnx.files.to_onnx", lambda part: data)
    with pytest.raises(ValueError, match=r"with a difference of 3.3e-01 to torch"):
        write_parts([part], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_none_of_the_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[Path] = []

    def write(path: Path, data: bytes) -> None:
        if written:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(data)
        written.append(path)

    monkeypatch.setattr("perception_kd.export.onnx.files.write_whole", write)
    bev = {"bev": torch.ones(1, 2)}
    both = [DensePart(name, nn.ReLU().eval(), bev, ("out",), {}, "") for name in ("a", "b")]
    with pytest.raises(OSError, match="No space left"):
        write_parts(both, tmp_path / "new" / "out")
    assert [path.name for path in written] == ["a.onnx"]
    assert not list(tmp_path.iterdir())


class Rounded(nn.Module):
    """The input, after a sum that loses digits in float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input."""
        return (x + 1e5) - 1e5


@pytest.mark.parametrize(("factor", "is_written"), [(1.0, True), (1.02, False)])
def test_rounding_is_no_fault_but_other_differences_are(
    factor: float, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perception_kd.export.onnx import files

    part = DensePart("sum", Rounded(), {"x": torch.rand(64)}, ("y",), {}, "")
    assert compare_with_torch(part, to_onnx(part)) < 1e-4
    monkeypatch.setattr(files, "run_onnx", lambda _, inputs: [factor * inputs["x"].numpy()])
    if is_written:
        assert write_parts([part], tmp_path)[0] > 1e-4
    else:
        with pytest.raises(ValueError, match="onnxruntime computes sum with a difference"):
            write_parts([part], tmp_path)
    assert (tmp_path / "sum.onnx").exists() == is_written


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from perception_kd.export.onnx import files

    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs onnx and onnxruntime; .*perception-kd\[onnx\]"):
        files.check_onnx()
