"""RAD against its definition, and the frozen teacher that it learns from."""

import copy
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.models.losses import region_contrast
from perception_kd.models.pretrainers import RegionDistillation
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny_bev import (
    CAMERA,
    GRID,
    RAPC,
    make_camera_batch,
    read_by_hand,
)
from tests.models.small_networks import PILLARS

PRETRAINER: dict[str, Any] = dict(
    type="RegionDistillation",
    **PILLARS,
    **CAMERA,
    pts_projector=dict(type="FeatureProjector", in_channels=12, hidden_channels=(16,)),
    img_projector=dict(type="FeatureProjector", in_channels=6, hidden_channels=(16,)),
    grid=GRID,
    loss_rad={**RAPC, "symmetric": False},
)
RAD: dict[str, Any] = dict(positives="point", same_region_negatives=False, region_normalize=True)


def make_pretrainer(seed: int = 0, **settings: Any) -> RegionDistillation:
    init_default_scope("perception_kd")
    torch.manual_seed(seed)
    return MODELS.build(copy.deepcopy({**PRETRAINER, **settings})).eval()


def make_teacher(path: Path, seed: int = 7, **settings: Any) -> dict[str, torch.Tensor]:
    """Write a checkpoint as PRC leaves it, with statistics of their own."""
    init_default_scope("perception_kd")
    torch.manual_seed(seed)
    parts = {**PILLARS, "pts_projector": PRETRAINER["pts_projector"], **settings}
    model = MODELS.build(
        copy.deepcopy(
            dict(type="PointRegionContrast", **parts, grid=GRID)
            | dict(loss_plrc=RAPC, loss_rapc=RAPC)
        )
    )
    state: dict[str, torch.Tensor] = model.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.mul_(3.0)
    torch.save({"state_dict": state}, path)
    return state


@pytest.mark.parametrize("direction", ["camera_to_lidar", "lidar_to_camera", "both"])
@torch.no_grad()
def test_equals_the_definition_from_maps_to_the_loss(direction: str) -> None:
    model = make_pretrainer(direction=direction)
    inputs = make_camera_batch()
    lidar_bev, camera_bev = model.extract_pts_bev(inputs["points"]), model.extract_img_bev(inputs)
    terms = []
    for b, rows in enumerate(inputs["sampled_points"]):
        cloud, ids = inputs["points"][b], inputs["region_ids"][b]
        lidar, camera = (
            projector(torch.stack([read_by_hand(bev[b], cloud[row], 0.4) for row in rows]))
            for bev, projector in (
                (lidar_bev, model.pts_projector),
                (camera_bev, model.img_projector),
            )
        )
        to_lidar = region_contrast(camera, lidar, ids[rows], 0.1, point_ids=rows, **RAD)
        to_camera = region_contrast(lidar, camera, ids[rows], 0.1, point_ids=rows, **RAD)
        both = (to_lidar + to_camera) / 2
        terms.append(dict(camera_to_lidar=to_lidar, lidar_to_camera=to_camera, both=both))
    losses = model(inputs, mode="loss")
    expected = torch.stack([term[direction] for term in terms]).mean()
    torch.testing.assert_close(losses["loss_rad"], expected)
    assert (losses["num_region_points"], losses["num_background_points"]) == (48, 32)


def test_only_the_camera_network_and_its_projector_learn() -> None:
    model = make_pretrainer(direction="both").train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model(make_camera_batch(), mode="loss")["loss_rad"].backward()
    optimizer.step()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {"img_backbone", "view_transform", "img_projector"}
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    # Weights and statistics of the teacher stay to the bit, in train mode too.
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) or not name.startswith("pts_"), name


def test_a_new_lidar_projector_learns_and_the_teacher_does_not(tmp_path: Path) -> None:
    state = make_teacher(tmp_path / "prc.pth")
    settings: dict[str, Any] = dict(
        learn_pts_projector=True, teacher_checkpoint=str(tmp_path / "prc.pth")
    )
    model = make_pretrainer(direction="both", **settings).train()
    projector: torch.nn.Module = model.get_submodule("pts_projector")
    fresh = copy.deepcopy(projector.state_dict())
    model.init_weights()
    assert all(torch.equal(value, fresh[name]) for name, value in projector.state_dict().items())
    assert projector.training
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model(make_camera_batch(), mode="loss")["loss_rad"].backward()
    optimizer.step()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {"img_backbone", "view_transform", "img_projector", "pts_projector"}
    assert all(p.grad is not None and p.grad.any() for p in projector.parameters())
    teacher = {name for name in state if not name.startswith("pts_projector.")}
    assert len(teacher) > 10
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in teacher)
    # Its file need not hold a projector at all.
    torch.save({"state_dict": {name: state[name] for name in teacher}}, tmp_path / "prc.pth")
    make_pretrainer(**settings).init_weights()


def test_the_teacher_is_in_eval_mode_whatever_is_asked_for() -> None:
    model = make_pretrainer()
    for mode in (True, False):
        model.train(mode)
        assert not any(m.training for part in model.teacher_parts() for m in part.modules())
        assert not model.pts_voxelizer.training
        assert model.img_backbone is not None
        assert model.img_backbone.training is mode


def test_with_one_region_its_normalization_changes_nothing() -> None:
    inputs = make_camera_batch()
    inputs["region_ids"] = [ids.clamp(max=0) for ids in inputs["region_ids"]]
    normalized, plain = (
        make_pretrainer(loss_rad={**PRETRAINER["loss_rad"], "region_normalize": normalize})
        for normalize in (True, False)
    )
    torch.testing.assert_close(
        normalized(inputs, mode="loss")["loss_rad"],
        plain(inputs, mode="loss")["loss_rad"],
    )


def test_the_teacher_is_loaded_whole_and_the_student_left_alone(tmp_path: Path) -> None:
    state = make_teacher(tmp_path / "prc.pth")
    model = make_pretrainer(teacher_checkpoint=str(tmp_path / "prc.pth"))
    other = make_pretrainer(seed=0)
    torch.manual_seed(3)
    model.init_weights()
    torch.manual_seed(3)
    other.init_weights()
    loaded = model.state_dict()
    assert {name for name in loaded if name.startswith("pts_")} == set(state)
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    for name, value in other.state_dict().items():
        assert torch.equal(loaded[name], value) or name.startswith("pts_"), name


@pytest.mark.parametrize(
    "lost", ["pts_projector.layers.0.bias", "pts_neck.deblocks.0.1.running_mean"]
)
def test_a_teacher_that_lacks_anything_is_refused(tmp_path: Path, lost: str) -> None:
    state = make_teacher(tmp_path / "prc.pth")
    del state[lost]
    torch.save({"state_dict": state}, tmp_path / "prc.pth")
    model = make_pretrainer(teacher_checkpoint=str(tmp_path / "prc.pth"))
    with pytest.raises(ValueError, match=f"prc.pth .* lacks {lost}"):
        model.init_weights()


def test_a_teacher_of_another_shape_or_none_is_refused(tmp_path: Path) -> None:
    projector = {**PRETRAINER["pts_projector"], "out_channels": 32}
    make_teacher(tmp_path / "prc.pth", pts_projector=projector)
    with pytest.raises(ValueError, match=r"pts_projector.* must have shape \(64"):
        make_pretrainer(teacher_checkpoint=str(tmp_path / "prc.pth")).init_weights()
    with pytest.raises(FileNotFoundError, match="No checkpoint at"):
        make_pretrainer(teacher_checkpoint=str(tmp_path / "no.pth")).init_weights()


def test_the_teachers_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_teacher(tmp_path / "prc.pth")
    load = Mock(wraps=torch.load)
    monkeypatch.setattr(torch, "load", load)
    make_pretrainer(teacher_checkpoint=str(tmp_path / "prc.pth")).init_weights()
    assert load.call_count == 1


def test_own_checkpoints_hold_the_teacher_so_its_file_may_go(tmp_path: Path) -> None:
    lost, own = str(tmp_path / "lost.pth"), tmp_path / "epoch_1.pth"
    saved = make_pretrainer(seed=1).state_dict()
    torch.save({"state_dict": saved}, own)
    model = make_pretrainer(teacher_checkpoint=lost)
    load_pretrained(model, own, min_share=1.0)
    assert all(torch.equal(value, saved[name]) for name, value in model.state_dict().items())

    model = make_pretrainer(teacher_checkpoint=lost)
    with pytest.raises(FileNotFoundError, match="No checkpoint at"):
        model.init_weights()


@pytest.mark.parametrize("sizes", [(200, 300), (0, 0)])
def test_batches_without_a_region_give_zero_with_a_gradient(sizes: tuple[int, ...]) -> None:
    model = make_pretrainer().train()
    inputs = make_camera_batch(sizes)
    inputs["region_ids"] = [torch.full_like(ids, -1) for ids in inputs["region_ids"]]
    loss = model(inputs, mode="loss")["loss_rad"]
    loss.backward()
    assert loss == 0
    assert all(
        p.grad is not None and not p.grad.any() for p in model.parameters() if p.requires_grad
    )


def test_predict_returns_losses_and_tensor_both_maps() -> None:
    model = make_pretrainer()
    batch = make_camera_batch()
    losses = model(batch, mode="loss")
    (predicted,) = model(batch, mode="predict")
    assert predicted == {name: pytest.approx(value.item()) for name, value in losses.items()}
    maps = model(batch, mode="tensor")
    shapes = {name: tuple(bev.shape) for name, bev in maps.items()}
    assert shapes == {"lidar": (2, 12, 16, 32), "camera": (2, 6, 16, 32)}


def test_rejects_an_unknown_direction() -> None:
    with pytest.raises(ValueError, match="direction must be one of"):
        make_pretrainer(direction="lidar_to_lidar")
