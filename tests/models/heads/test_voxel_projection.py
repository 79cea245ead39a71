"""Voxel features at points, against a loop, and the scaling to unit length."""

import pytest
import torch
import torch.nn.functional as F

from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.heads import VoxelProjection
from perception_kd.models.heads.feature_projector import unit_length


def make_voxels(point2voxel: list[int], num_voxels: int) -> Voxels:
    coors = torch.zeros(num_voxels, 4, dtype=torch.int32)
    return Voxels(torch.zeros(num_voxels, 1), coors, torch.tensor(point2voxel).long(), (1, 1, 1), 1)


@pytest.mark.parametrize("normalize", [True, False])
def test_points_get_the_projected_features_of_their_voxels(normalize: bool) -> None:
    head = VoxelProjection(in_channels=5, out_channels=3, normalize=normalize)
    feats, point2voxel = torch.randn(4, 5), [2, -1, 0, 2, 3]
    out = head(feats, [torch.zeros(5, 4)], make_voxels(point2voxel, 4))
    for row, voxel in zip(out, point2voxel, strict=True):
        expected = head.proj.weight @ feats[voxel] + head.proj.bias
        if normalize:
            expected = expected / expected.norm()
        torch.testing.assert_close(row, expected if voxel >= 0 else torch.zeros(3))


def test_the_projection_has_a_bias_unless_told() -> None:
    assert VoxelProjection(2).proj.bias is not None
    assert VoxelProjection(2, bias=False).proj.bias is None
    assert VoxelProjection(2).proj.weight.shape == (64, 2)


def test_standardized_features_do_not_depend_on_their_scale() -> None:
    head = VoxelProjection(in_channels=2, out_channels=3, normalize=False, standardize=True)
    feats = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0]])
    voxels = make_voxels([0, 1, 2], 3)
    # By hand: means 3 and 40, variances 8 / 3 and 2600 / 3.
    z = torch.tensor([[-2.0, -30.0], [0.0, -10.0], [2.0, 40.0]])
    z = z / torch.tensor([8 / 3, 2600 / 3]).sqrt()
    expected = z @ head.proj.weight.T + head.proj.bias
    torch.testing.assert_close(head(feats, [], voxels), expected)
    torch.testing.assert_close(head(1000 * feats, [], voxels), expected)
    assert [name for name, _ in head.named_parameters()] == ["proj.weight", "proj.bias"]


def test_evaluation_uses_the_statistics_of_training() -> None:
    head = VoxelProjection(in_channels=1, out_channels=1, normalize=False, standardize=True)
    feats, voxels = torch.tensor([[2.0], [6.0]]), make_voxels([0, 1], 2)
    for _ in range(200):
        head(feats, [], voxels)
    # Mean 4, and the unbiased variance 8, of all batches seen.
    expected = head.proj((feats - 4) / 8**0.5)
    torch.testing.assert_close(head.eval()(feats, [], voxels), expected, rtol=1e-4, atol=1e-4)


def test_gradients_reach_only_voxels_with_points() -> None:
    head = VoxelProjection(in_channels=2, out_channels=3)
    feats = torch.randn(3, 2, requires_grad=True)
    out = head(feats, [torch.zeros(3, 4)], make_voxels([1, -1, 1], 3))
    (grad,) = torch.autograd.grad(torch.sum(out @ torch.tensor([1.0, 2.0, 3.0])), feats)
    assert grad.any(dim=1).tolist() == [False, True, False]


def test_no_voxels_give_zeros_with_a_graph() -> None:
    head = VoxelProjection(in_channels=2, out_channels=3)
    out = head(torch.zeros(0, 2), [torch.zeros(2, 4)], make_voxels([-1, -1], 0))
    assert out.tolist() == [[0, 0, 0]] * 2
    (grad,) = torch.autograd.grad(out.sum(), head.proj.weight)
    assert not grad.any()


def test_rejects_features_of_other_voxels() -> None:
    with pytest.raises(ValueError, match=r"feats must have shape \(2, 4\), but got \(3, 4\)"):
        VoxelProjection(4)(torch.zeros(3, 4), [], make_voxels([0], 2))


def test_unit_length_matches_torch() -> None:
    feats = torch.randn(4, 5, 3, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(unit_length(feats), F.normalize(feats, dim=1))
    torch.testing.assert_close(unit_length(feats, dim=0), F.normalize(feats, dim=0))
    assert torch.autograd.gradcheck(unit_length, feats)


def test_zero_vectors_stay_zero_and_pass_no_gradient() -> None:
    feats = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    out = unit_length(feats)
    assert out.tolist() == [[0, 0], [pytest.approx(0.6), pytest.approx(0.8)]]
    (grad,) = torch.autograd.grad(out[:, 0].sum(), feats)
    assert grad[0].tolist() == [0, 0]
    assert grad[1].tolist() == pytest.approx([0.128, -0.096])


def test_half_precision_is_scaled_in_single() -> None:
    out = unit_length(torch.full((1, 4), 60_000.0).half())
    assert out.dtype == torch.float
    assert out.tolist() == [[0.5] * 4]
