"""Sparse layers without spconv against dense convolution, spconv, and themselves."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from perception_kd.ops import sparse
from perception_kd.ops.sparse import SparseConvTensor, convolution, rulebook
from tests.pretended_device import GPU, PretendedGPU

SHAPE = [7, 9, 8]
BATCH_SIZE = 3
C_IN, C_OUT = 4, 6


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["cpu", "other device"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run as on a CPU, then as on other devices."""
    if request.param != "cpu":
        as_elsewhere(monkeypatch)
    return str(request.param)


def as_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the path of devices other than the CPU."""
    monkeypatch.setattr(rulebook, "_with_pairs", lambda book: book)
    monkeypatch.setattr(rulebook, "_check_voxels", lambda coors, shape: None)


def make_voxels(num: int = 200, samples: tuple[int, ...] = (0, 2)) -> Tensor:
    """Draw distinct voxels (sample, z, y, x) of some samples, in random order."""
    grid = torch.cartesian_prod(torch.tensor(samples), *(torch.arange(size) for size in SHAPE))
    return grid[torch.randperm(len(grid))[:num]].int()


def make_input(voxels: Tensor, channels: int = C_IN) -> SparseConvTensor:
    feats = torch.randn(len(voxels), channels, requires_grad=True)
    return SparseConvTensor(feats, voxels, SHAPE, BATCH_SIZE)


def to_dense(feats: Tensor, voxels: Tensor, shape: list[int]) -> Tensor:
    """Write features of voxels (K, C) into zeros (B, C, Z, Y, X), with gradients."""
    sample, z, y, x = voxels.long().unbind(1)
    dense = feats.new_zeros(BATCH_SIZE, *shape, feats.shape[1])
    return dense.index_put((sample, z, y, x), feats).movedim(-1, 1)


def at_voxels(dense: Tensor, voxels: Tensor) -> Tensor:
    sample, z, y, x = voxels.long().unbind(1)
    return dense.movedim(1, -1)[sample, z, y, x]


def grad_of(tensor: Tensor | None) -> Tensor:
    """Return the gradient, which has to be there."""
    assert tensor is not None
    assert tensor.grad is not None
    return tensor.grad


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def check_against_dense(
    layer: Any,
    inputs: SparseConvTensor,
    outputs: SparseConvTensor,
    dense_layer: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Compare output and both gradients with a dense layer of the same weight."""
    feats = inputs.features.detach().clone().requires_grad_()
    weight = layer.weight.detach().movedim(-1, 1).clone().requires_grad_()
    whole = dense_layer(to_dense(feats, inputs.indices, inputs.spatial_shape), weight)
    expected = at_voxels(whole, outputs.indices)
    assert list(whole.shape[2:]) == outputs.spatial_shape
    assert_close(outputs.features, expected)

    grad = torch.randn_like(expected)
    outputs.features.backward(grad)
    expected.backward(grad)
    assert_close(grad_of(inputs.features), grad_of(feats))
    assert_close(grad_of(layer.weight).movedim(-1, 1), grad_of(weight))


@pytest.mark.parametrize(
    ("kernel_size", "dilation"), [(3, 1), (5, 1), ((1, 3, 3), 1), ((5, 1, 3), (1, 1, 2)), (3, 2)]
)
@pytest.mark.usefixtures("path")
def test_submanifold_convolution_is_dense_at_voxels(kernel_size: Any, dilation: Any) -> None:
    layer = sparse.SubMConv3d(C_IN, C_OUT, kernel_size, dilation=dilation, bias=False)
    steps = layer.kernel.dilation
    padding = [step * (size // 2) for size, step in zip(layer.kernel_size, steps, strict=True)]
    inputs = make_input(make_voxels())

    def dense_layer(volume: Tensor, weight: Tensor) -> Tensor:
        return F.conv3d(volume, weight, padding=padding, dilation=steps)

    check_against_dense(layer, inputs, layer(inputs), dense_layer)


DOWN = ("kernel_size", "stride", "padding", "dilation")
DOWN_CASES = [
    (2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (3, 1, 0, 2), (3, 2, (0, 1, 1), 1),
    ((1, 3, 2), (1, 2, 2), 0, 1), ((3, 1, 1), (2, 1, 1), 0, 1), (1, 2, 0, 1), (2, 3, 1, 2),
]  # fmt: skip


@pytest.mark.parametrize(DOWN, DOWN_CASES)
@pytest.mark.usefixtures("path")
def test_strided_convolution_is_dense(
    kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    layer = sparse.SparseConv3d(C_IN, C_OUT, kernel_size, stride, padding, dilation, bias=False)
    inputs = make_input(make_voxels())
    outputs = layer(inputs)

    def dense_layer(volume: Tensor, weight: Tensor) -> Tensor:
        return F.conv3d(volume, weight, None, stride, padding, dilation)

    weight = layer.weight.movedim(-1, 1)
    assert_close(
        outputs.dense(), dense_layer(to_dense(inputs.features, inputs.indices, SHAPE), weight)
    )
    check_against_dense(layer, inputs, outputs, dense_layer)


@pytest.mark.parametrize(DOWN, [case for case in DOWN_CASES if case[3] == 1 and case[0] != 1])
@pytest.mark.usefixtures("path")
def test_inverse_convolution_is_dense_transposed(
    kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    down = sparse.SparseConv3d(2, C_IN, kernel_size, stride, padding, indice_key="down")
    layer = sparse.SparseInverseConv3d(C_IN, C_OUT, kernel_size, "down", bias=False)
    voxels = make_voxels()
    inputs = down(make_input(voxels, channels=2))
    inputs = inputs.replace_feature(inputs.features.detach().requires_grad_())
    outputs = layer(inputs)
    assert torch.equal(outputs.indices, voxels)

    sizes = zip(
        SHAPE, inputs.spatial_shape, down.stride, down.kernel.padding, down.kernel_size, strict=True
    )
    # What the stride cut off at the far end is padded again: no voxel there has a pair.
    fill = [
        size - ((coarse - 1) * step - 2 * pad + kernel) for size, coarse, step, pad, kernel in sizes
    ]

    def dense_layer(volume: Tensor, weight: Tensor) -> Tensor:
        return F.conv_transpose3d(volume, weight.transpose(0, 1), None, stride, padding, fill)

    check_against_dense(layer, inputs, outputs, dense_layer)


@pytest.mark.parametrize(DOWN, [(2, 2, 0, 1), (3, 2, 1, 1), (3, 2, 0, 2), ((1, 3, 2), 2, 0, 1)])
@pytest.mark.usefixtures("path")
def test_transposed_convolution_is_dense(
    kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> None:
    settings = (kernel_size, stride, padding, dilation)
    layer = sparse.SparseConvTranspose3d(C_IN, C_OUT, *settings, bias=False)
    inputs = make_input(make_voxels())

    def dense_layer(volume: Tensor, weight: Tensor) -> Tensor:
        return F.conv_transpose3d(
            volume, weight.transpose(0, 1), None, stride, padding, 0, 1, dilation
        )

    check_against_dense(layer, inputs, layer(inputs), dense_layer)


def make_layers(package: Any) -> Any:
    """Return layers of every kind with biases, and a shared submanifold rulebook."""
    torch.manual_seed(1)
    return package.SparseSequential(
        package.SubMConv3d(C_IN, 8, 3, indice_key="fine"),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        package.SubMConv3d(8, 8, 3, indice_key="fine"),
        package.SparseConv3d(8, 12, 3, 2, padding=(0, 1, 1), indice_key="down"),
        package.SubMConv3d(12, 5, 1),
        package.SubMConv3d(5, 12, 1, bias=False),
        package.SparseInverseConv3d(12, 7, 3, "down"),
        package.SubMConv3d(7, C_OUT, 3, indice_key="fine"),
    )


def run(layers: nn.Module, package: Any, feats: Tensor, voxels: Tensor) -> list[Tensor]:
    """Return the volume, and the gradients of features and parameters."""
    leaf = feats.clone().requires_grad_()
    volume = layers(package.SparseConvTensor(leaf, voxels, SHAPE, BATCH_SIZE)).dense()
    weights = torch.linspace(-1, 1, volume.numel()).view(volume.shape)
    grads = torch.autograd.grad((volume * weights).sum(), [leaf, *layers.parameters()])
    return [volume.detach(), *grads]


@pytest.mark.usefixtures("path")
def test_layers_equal_those_of_spconv() -> None:
    spconv = pytest.importorskip("spconv.pytorch")
    ours, theirs = make_layers(sparse), make_layers(spconv)
    expected = theirs.state_dict()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in expected.items()
    }
    # The same seed drew the same weights.
    assert all(torch.equal(value, expected[key]) for key, value in ours.state_dict().items())
    voxels, feats = make_voxels(), torch.randn(200, C_IN)
    for found, wanted in zip(
        run(ours, sparse, feats, voxels), run(theirs, spconv, feats, voxels), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("path")
def test_max_pooling_equals_spconv() -> None:
    spconv = pytest.importorskip("spconv.pytorch")
    feats, voxels = torch.randn(200, C_IN) - 3, make_voxels()
    found, expected = (
        run(package.SparseMaxPool3d(3, 2), package, feats, voxels) for package in (sparse, spconv)
    )
    assert torch.equal(found[0], expected[0])
    assert_close(found[1], expected[1])


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("num", [0, 1])
def test_no_voxel_and_one_voxel_have_gradients(num: int) -> None:
    layers = sparse.SparseSequential(
        sparse.SubMConv3d(C_IN, 8, 3),
        sparse.SparseConv3d(8, 8, 2, 2, indice_key="down"),
        sparse.SparseInverseConv3d(8, 8, 2, "down"),
        sparse.SparseMaxPool3d(2, 2),
    )
    voxels = torch.tensor([[2, 3, 5, 4]]).int()[:num]
    volume, *grads = run(layers, sparse, torch.ones(num, C_IN), voxels)
    assert volume.shape == (BATCH_SIZE, 8, 3, 4, 4)
    assert (volume.count_nonzero() > 0) == (num > 0)
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("kind", ["SubMConv3d", "SparseConv3d", "SparseConvTranspose3d"])
def test_gradients_agree_with_differences(kind: str) -> None:
    layer = getattr(sparse, kind)(2, 3, 3, bias=False).double()
    voxels = make_voxels(num=30)

    def convolve(feats: Tensor, weight: Tensor) -> Tensor:
        inputs = SparseConvTensor(feats, voxels, SHAPE, BATCH_SIZE)
        outputs: SparseConvTensor = torch.func.functional_call(layer, {"weight": weight}, (inputs,))
        return outputs.features

    feats = torch.randn(30, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(convolve, (feats, layer.weight))


def test_voxels_out_of_range_or_listed_twice_are_refused() -> None:
    layers = [sparse.SubMConv3d(C_IN, C_OUT, 3), sparse.SparseConv3d(C_IN, C_OUT, 3)]
    twice = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 2], [0, 1, 1, 1]]).int()
    for layer in layers:
        with pytest.raises(ValueError, match=r"\[0, 1, 1, 1\] \(sample, position\) in row 2 is li"):
            layer(make_input(twice))
        with pytest.raises(ValueError, match=r"reach from \[1, 1, 1\] to \[1, 9, 1\]"):
            layer(make_input(torch.tensor([[0, 1, 1, 1], [0, 1, 9, 1]]).int()))


@pytest.mark.parametrize("kind", ["SubMConv3d", "SparseConv3d"])
def test_elsewhere_the_first_of_equal_voxels_counts(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    as_elsewhere(monkeypatch)
    layer = getattr(sparse, kind)(2, 3, 3, bias=False).double()
    voxels = make_voxels(num=30)
    twice = torch.cat((voxels, voxels[:10]))

    def convolve(feats: Tensor, rows: Tensor) -> Tensor:
        volume: Tensor = layer(SparseConvTensor(feats, rows, SHAPE, BATCH_SIZE)).features
        return volume

    feats = torch.randn(40, 2, dtype=torch.double, requires_grad=True)
    found, expected = convolve(feats, twice), convolve(feats[:30], voxels)
    torch.testing.assert_close(found[: len(expected)], expected)
    assert not found[len(expected) :].count_nonzero()
    assert torch.autograd.gradcheck(lambda values: convolve(values, twice), (feats,))


@pytest.mark.usefixtures("path")
def test_repeats_are_bit_identical() -> None:
    layers, voxels, feats = make_layers(sparse).eval(), make_voxels(), torch.randn(200, C_IN)
    first = run(layers, sparse, feats, voxels)
    for _ in range(5):
        again = run(layers, sparse, feats, voxels)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_sets_the_type_elsewhere(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    as_elsewhere(monkeypatch)
    layer, voxels, feats = sparse.SubMConv3d(C_IN, C_OUT, 3), make_voxels(), torch.randn(200, C_IN)
    expected = run(layer, sparse, feats, voxels)
    with torch.autocast("cpu", dtype):
        outputs = layer(SparseConvTensor(feats, voxels, SHAPE, BATCH_SIZE)).features
        found = run(layer, sparse, feats, voxels)
    assert outputs.dtype == dtype
    assert all(grad.dtype == torch.float32 for grad in found[1:])
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.float(), b, rtol=0.05, atol=0.02 * float(b.abs().max()))


def test_autocast_does_not_round_on_a_cpu() -> None:
    layer, inputs = sparse.SubMConv3d(C_IN, C_OUT, 3), make_input(make_voxels())
    expected = layer(inputs).features
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(inputs).features, expected)


@pytest.mark.usefixtures("path")
def test_parts_that_are_gathered_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, voxels, feats = make_layers(sparse).eval(), make_voxels(), torch.randn(200, C_IN)
    expected = run(layers, sparse, feats, voxels)
    monkeypatch.setattr(convolution, "_MAX_GATHERED", 30_000)
    for a, b in zip(run(layers, sparse, feats, voxels), expected, strict=True):
        torch.testing.assert_close(a, b)


class _Operations(TorchDispatchMode):
    """Notes the names of all operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Note one operation and run it."""
        self.names.append(func.overloadpacket._qualified_op_name)
        return func(*args, **(kwargs or {}))


def test_only_numbers_of_outputs_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    as_elsewhere(monkeypatch)
    layers, voxels, feats = make_layers(sparse), make_voxels(), torch.randn(200, C_IN)
    with _Operations() as operations:
        run(layers, sparse, feats, voxels)
    waiting = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "_to_cpu")
    found = [name for name in operations.names if any(wait in name for wait in waiting)]
    # The one strided layer.
    assert found == ["aten::_unique2"]


def test_rejects_settings_and_inputs() -> None:
    with pytest.raises(ValueError, match="groups must be 1"):
        sparse.SubMConv3d(2, 2, 3, groups=2)
    with pytest.raises(ValueError, match=r"must be odd, but got \(3, 2, 3\)"):
        sparse.SubMConv3d(2, 2, (3, 2, 3))
    with pytest.raises(ValueError, match=r"must have 3 numbers, but got \(3, 3\)"):
        sparse.SubMConv3d(2, 2, (3, 3))
    with pytest.raises(ValueError, match=r"must have 2 channels, but have 4"):
        sparse.SubMConv3d(2, 2, 3)(make_input(make_voxels()))
    with pytest.raises(ValueError, match=r"has \(-1, 1, 1\) output cells"):
        sparse.SparseConv3d(C_IN, 2, (9, 9, 8))(make_input(make_voxels()))
    with pytest.raises(ValueError, match="must be that of a strided convolution before"):
        sparse.SparseInverseConv3d(C_IN, 2, 3, "down")(make_input(make_voxels()))
    with pytest.raises(ValueError, match=r"features and indices must have shapes"):
        SparseConvTensor(torch.ones(3, 2), torch.ones(4, 4).int(), SHAPE, 1)


def test_rejects_a_key_of_another_convolution() -> None:
    first = sparse.SubMConv3d(C_IN, C_IN, 3, indice_key="a")(make_input(make_voxels()))
    with pytest.raises(ValueError, match="must have the kernel size"):
        sparse.SubMConv3d(C_IN, 2, 5, indice_key="a")(first)
    with pytest.raises(ValueError, match="must have one dilation"):
        sparse.SubMConv3d(C_IN, 2, 3, dilation=2, indice_key="a")(first)
    with pytest.raises(ValueError, match="'a' is taken by another layer"):
        sparse.SparseConv3d(C_IN, 2, 3, indice_key="a")(first)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_gpu_equals_a_cpu(dtype: torch.dtype) -> None:
    layers, voxels, feats = make_layers(sparse), make_voxels(), torch.randn(200, C_IN)
    expected = run(layers, sparse, feats, voxels)
    torch.manual_seed(1)
    layers = make_layers(sparse).cuda()
    with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
        found, again = (run(layers, sparse, feats.cuda(), voxels.cuda()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(
            a.float().cpu(), b, rtol=tolerance, atol=tolerance * float(b.abs().max())
        )


def test_layers_keep_to_the_device_of_their_input() -> None:
    with PretendedGPU() as gpu:
        voxels = make_input(make_voxels())
        gpu.mark([voxels.features, voxels.indices], GPU)
        layers = sparse.SparseSequential(
            sparse.SubMConv3d(C_IN, C_OUT, 3), sparse.SparseConv3d(C_OUT, 2, 3, 2, 1)
        ).to("cuda")
        output = layers(voxels)
        output.features.sum().backward()
        assert output.features.device == output.indices.device == GPU
        assert grad_of(voxels.features).device == GPU
