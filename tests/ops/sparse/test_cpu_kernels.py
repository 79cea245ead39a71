"""spconv with this package's kernels on a CPU, against dense convolution and itself."""

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.ops.sparse import cpu_kernels
from perception_kd.ops.sparse.backend import provide_sparse_convolution
from perception_kd.ops.sparse.cpu_kernels import install_cpu_kernels

spconv = pytest.importorskip("spconv.pytorch")
ConvAlgo = pytest.importorskip("spconv.core").ConvAlgo

SHAPE = [7, 9, 8]
BATCH_SIZE = 3
C_IN, C_OUT = 4, 6

DOWN = ("kernel_size", "stride", "padding")
DOWN_CASES = [(2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 1, 0), ((1, 3, 2), (1, 2, 2), 0)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def grad_of(tensor: Any) -> Tensor:
    """Return the gradient, which has to be there."""
    assert tensor.grad is not None
    return tensor.grad


def make_voxels(num: int = 200, samples: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    """Draw distinct voxels (sample, z, y, x) of some samples, in random order."""
    grid = torch.cartesian_prod(torch.tensor(samples), *(torch.arange(size) for size in SHAPE))
    return grid[torch.randperm(len(grid))[:num]].int()


def make_input(voxels: Tensor, channels: int = C_IN) -> Any:
    feats = torch.randn(len(voxels), channels, requires_grad=True)
    return spconv.SparseConvTensor(feats, voxels, SHAPE, BATCH_SIZE)


def to_dense(feats: Tensor, voxels: Tensor, shape: list[int]) -> Tensor:
    """Write features of voxels (K, C) into zeros (B, C, Z, Y, X), with gradients."""
    sample, z, y, x = voxels.long().unbind(1)
    dense = feats.new_zeros(BATCH_SIZE, *shape, feats.shape[1])
    return dense.index_put((sample, z, y, x), feats).movedim(-1, 1)


def at_voxels(dense: Tensor, voxels: Tensor) -> Tensor:
    sample, z, y, x = voxels.long().unbind(1)
    return dense.movedim(1, -1)[sample, z, y, x]


def dense_weight(layer: nn.Module) -> Tensor:
    """Return a copy of the weight (C_out, ..., C_in) as (C_out, C_in, ...)."""
    return layer.get_parameter("weight").detach().movedim(-1, 1).clone().requires_grad_()


def check_against_dense(
    layer: nn.Module, inputs: Any, outputs: Any, dense_layer: Callable[[Tensor, Tensor], Tensor]
) -> None:
    """Compare output and both gradients with a dense layer of the same weight."""
    feats = inputs.features.detach().clone().requires_grad_()
    weight = dense_weight(layer)
    expected = dense_layer(to_dense(feats, inputs.indices, inputs.spatial_shape), weight)
    expected = at_voxels(expected, outputs.indices)
    torch.testing.assert_close(outputs.features, expected, rtol=1e-5, atol=1e-5)

    grad = torch.randn_like(expected)
    outputs.features.backward(grad)
    expected.backward(grad)
    torch.testing.assert_close(grad_of(inputs.features), grad_of(feats), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        grad_of(layer.weight).movedim(-1, 1), grad_of(weight), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("samples", [(0, 1, 2), (0, 2)], ids=["full", "one sample empty"])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(3, 1), (5, 1), ((1, 3, 3), 1), (3, 2)])
def test_submanifold_convolution_equals_dense(
    kernel_size: Any, dilation: int, samples: tuple[int, ...]
) -> None:
    layer = spconv.SubMConv3d(C_IN, C_OUT, kernel_size, dilation=dilation, bias=False)
    inputs = make_input(make_voxels(samples=samples))
    padding = [dilation * (size // 2) for size in layer.kernel_size]
    check_against_dense(
        layer,
        inputs,
        layer(inputs),
        lambda x, w: F.conv3d(x, w, padding=padding, dilation=dilation),
    )


@pytest.mark.parametrize("samples", [(0, 1, 2), (0, 2)], ids=["full", "one sample empty"])
@pytest.mark.parametrize(DOWN, [*DOWN_CASES, (1, 2, 0)])
def test_strided_convolution_equals_dense(
    kernel_size: Any, stride: Any, padding: int, samples: tuple[int, ...]
) -> None:
    layer = spconv.SparseConv3d(C_IN, C_OUT, kernel_size, stride, padding, bias=False)
    inputs = make_input(make_voxels(samples=samples))
    outputs = layer(inputs)

    weight = dense_weight(layer)
    dense = to_dense(inputs.features, inputs.indices, SHAPE)
    expected = F.conv3d(dense, weight, stride=stride, padding=padding)
    torch.testing.assert_close(outputs.dense(), expected, rtol=1e-5, atol=1e-5)
    check_against_dense(
        layer, inputs, outputs, lambda x, w: F.conv3d(x, w, stride=stride, padding=padding)
    )


@pytest.mark.parametrize(DOWN, DOWN_CASES)
def test_inverse_convolution_equals_dense_transposed(
    kernel_size: Any, stride: Any, padding: int
) -> None:
    down = spconv.SparseConv3d(2, C_IN, kernel_size, stride, padding, indice_key="down")
    layer = spconv.SparseInverseConv3d(C_IN, C_OUT, kernel_size, "down", bias=False)
    voxels = make_voxels(samples=(0, 2))
    inputs = down(make_input(voxels, channels=2))
    inputs = inputs.replace_feature(inputs.features.detach().requires_grad_())
    outputs = layer(inputs)

    assert torch.equal(outputs.indices, voxels)
    # What the stride cut off at the far end is padded again: no voxel there has a pair.
    fill = [
        size - ((coarse - 1) * step - 2 * padding + kernel)
        for size, coarse, step, kernel in zip(
            SHAPE, inputs.spatial_shape, down.stride, down.kernel_size, strict=True
        )
    ]
    check_against_dense(
        layer,
        inputs,
        outputs,
        lambda x, w: F.conv_transpose3d(
            x, w.transpose(0, 1), stride=stride, padding=padding, output_padding=fill
        ),
    )


@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 2), (3, 2)])
def test_transposed_convolution_equals_dense(kernel_size: int, stride: int) -> None:
    layer = spconv.SparseConvTranspose3d(C_IN, C_OUT, kernel_size, stride, bias=False)
    inputs = make_input(make_voxels())
    check_against_dense(
        layer,
        inputs,
        layer(inputs),
        lambda x, w: F.conv_transpose3d(x, w.transpose(0, 1), stride=stride),
    )


def test_pointwise_weight_is_input_by_output() -> None:
    layer = spconv.SubMConv3d(C_IN, C_OUT, 1, bias=False)
    inputs = make_input(make_voxels())
    grad = torch.randn(len(inputs.features), C_OUT)
    outputs = layer(inputs).features
    outputs.backward(grad)

    weight = layer.weight.detach().reshape(C_IN, C_OUT)
    torch.testing.assert_close(outputs, inputs.features @ weight)
    torch.testing.assert_close(grad_of(inputs.features), grad @ weight.T)
    expected = inputs.features.detach().T @ grad
    torch.testing.assert_close(grad_of(layer.weight).reshape(C_IN, C_OUT), expected)


def test_max_pooling_keeps_negative_maxima() -> None:
    inputs = make_input(make_voxels())
    inputs = inputs.replace_feature((inputs.features.detach() - 3).requires_grad_())
    outputs = spconv.SparseMaxPool3d(3, 2)(inputs)

    feats = inputs.features.detach().clone().requires_grad_()
    # -100 stands for voxels that are not active.
    dense = to_dense(feats + 100, inputs.indices, SHAPE) - 100
    expected = at_voxels(F.max_pool3d(dense, 3, 2), outputs.indices)
    torch.testing.assert_close(outputs.features, expected, rtol=0, atol=1e-4)

    grad = torch.randn_like(expected)
    outputs.features.backward(grad)
    expected.backward(grad)
    torch.testing.assert_close(grad_of(inputs.features), grad_of(feats))


@pytest.mark.parametrize("training", [True, False])
def test_bias_is_added_in_training_and_evaluation(training: bool) -> None:
    layer = spconv.SparseConv3d(C_IN, C_OUT, 2, 2).train(training)
    without = spconv.SparseConv3d(C_IN, C_OUT, 2, 2, bias=False)
    without.weight = layer.weight
    inputs = make_input(make_voxels())
    nn.init.normal_(layer.bias)
    torch.testing.assert_close(layer(inputs).features, without(inputs).features + layer.bias)


def make_joining(kind: str, dilation: int, kernel_size: int, stride: int) -> Any:
    settings = dict(dilation=dilation, bias=False, indice_key="joined")
    if kind == "submanifold":
        return spconv.SubMConv3d(C_IN, C_OUT, 2 * kernel_size - 1, **settings)
    if kind == "transposed":
        return spconv.SparseConvTranspose3d(C_IN, C_OUT, kernel_size, stride, **settings)
    down = spconv.SparseConv3d(C_IN, C_OUT, kernel_size, stride, padding=1, **settings)
    return spconv.SparseSequential(
        down, spconv.SparseInverseConv3d(C_OUT, C_IN, kernel_size, "joined", bias=False)
    )


@pytest.mark.parametrize("kind", ["submanifold", "strided and inverse", "transposed"])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 1), (2, 3), (3, 1), (3, 2), (3, 4)])
def test_no_kernel_offset_meets_a_row_twice(
    monkeypatch: pytest.MonkeyPatch, kind: str, dilation: int, kernel_size: int, stride: int
) -> None:
    met: list[Tensor] = []
    add_product = cpu_kernels._add_product

    def watch(out: Tensor, rows: Tensor, *args: Tensor) -> None:
        met.append(rows)
        add_product(out, rows, *args)

    monkeypatch.setattr(cpu_kernels, "_add_product", watch)
    layer = make_joining(kind, dilation, kernel_size, stride)
    layer(make_input(make_voxels())).features.sum().backward()
    assert met
    assert all(len(rows.unique()) == len(rows) for rows in met)


def make_layers() -> nn.Sequential:
    return spconv.SparseSequential(
        spconv.SubMConv3d(C_IN, 32, (1, 3, 3), bias=False),
        spconv.SparseConv3d(32, 32, (1, 2, 2), (1, 2, 2), bias=False, indice_key="down"),
        spconv.SparseInverseConv3d(32, 32, (1, 2, 2), "down", bias=False),
    )


def test_no_voxels_give_no_output_and_zero_gradients() -> None:
    layers = make_layers()
    outputs = layers(make_input(make_voxels(num=0))).features
    outputs.sum().backward()
    assert outputs.shape == (0, 32)
    assert all(torch.count_nonzero(grad_of(p)) == 0 for p in layers.parameters())


# On busy cores two threads wait for each other most of the time.
@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("two_threads")
def test_fifty_repeats_are_bit_identical(threads: int) -> None:
    torch.set_num_threads(threads)
    grid = torch.cartesian_prod(torch.arange(1), *(torch.arange(40),) * 3)
    voxels = grid[torch.randperm(len(grid))[:8000]].int()
    feats, layers = torch.randn(8000, C_IN), make_layers()

    def step() -> list[Tensor]:
        layers.zero_grad()
        leaf = feats.clone().requires_grad_()
        outputs = layers(spconv.SparseConvTensor(leaf, voxels, [40] * 3, 1)).features
        outputs.square().mean().backward()
        return [outputs.detach(), grad_of(leaf), *(grad_of(p).clone() for p in layers.parameters())]

    first = step()
    for _ in range(49):
        assert all(torch.equal(a, b) for a, b in zip(first, step(), strict=True))


def test_gradients_in_double_precision() -> None:
    layer = spconv.SubMConv3d(2, 3, 3, bias=False).double()
    voxels = make_voxels(num=30)

    def convolve(feats: Tensor, weight: Tensor) -> Tensor:
        inputs = spconv.SparseConvTensor(feats, voxels, SHAPE, BATCH_SIZE)
        return torch.func.functional_call(layer, {"weight": weight}, (inputs,)).features

    feats = torch.randn(30, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(convolve, (feats, layer.weight))


def test_autocast_does_not_round_the_products() -> None:
    layer = spconv.SubMConv3d(C_IN, C_OUT, 3, bias=False)
    inputs = make_input(make_voxels())
    expected = layer(inputs).features
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(inputs).features
    assert torch.equal(outputs, expected)


def test_half_features_are_summed_in_float_and_rounded_once() -> None:
    layer = spconv.SubMConv3d(C_IN, C_OUT, 3, bias=False)
    inputs = make_input(make_voxels())
    rounded = inputs.features.detach().bfloat16()
    expected = layer(inputs.replace_feature(rounded.float())).features
    leaf = rounded.clone().requires_grad_()
    outputs = layer(inputs.replace_feature(leaf)).features
    outputs.sum().backward()

    assert torch.equal(outputs, expected.bfloat16())
    assert grad_of(leaf).dtype == torch.bfloat16
    assert grad_of(layer.weight).dtype == torch.float32


def make_ops(calls: list[str]) -> ModuleType:
    """Make a module of functions that note that they were called."""
    ops = ModuleType("ops")
    for name in ("indice_conv", "indice_conv_backward", "indice_maxpool"):
        setattr(ops, name, lambda *_, name=name, **__: calls.append(name))
    return ops


@pytest.mark.parametrize("version", ["2.3.8", "2.4.0"])
def test_other_devices_use_spconv_kernels(version: str) -> None:
    calls: list[str] = []
    ops = make_ops(calls)
    install_cpu_kernels(ops, version)
    elsewhere = torch.empty(3, 4, device="meta")
    ops.indice_conv(elsewhere, elsewhere, subm=True)
    ops.indice_conv_backward(elsewhere, elsewhere)
    ops.indice_maxpool(features=elsewhere)
    assert calls == ["indice_conv", "indice_conv_backward", "indice_maxpool"]


def test_rejects_untested_spconv_versions_on_a_cpu() -> None:
    calls: list[str] = []
    ops = make_ops(calls)
    install_cpu_kernels(ops, "2.4.0")
    with pytest.raises(RuntimeError, match=r"spconv must be 2\.3\.8 .*, but got 2\.4\.0; install"):
        ops.indice_conv(torch.zeros(3, 4), torch.zeros(2, 1, 4))
    assert not calls


def test_installing_twice_changes_nothing() -> None:
    before = spconv.ops.indice_conv
    assert install_cpu_kernels()
    assert spconv.ops.indice_conv is before


@pytest.mark.slow
def test_layers_of_a_build_for_cuda_work_on_a_cpu() -> None:
    provide_sparse_convolution()
    voxels = make_input(make_voxels())
    native = spconv.SubMConv3d(C_IN, C_OUT, 3)
    expected = native(voxels)
    of_cuda = copy.deepcopy(native)
    of_cuda.algo = ConvAlgo.MaskImplicitGemm  # what a build for CUDA chooses
    assert torch.equal(of_cuda(voxels).features, expected.features)
    assert of_cuda.algo == ConvAlgo.MaskImplicitGemm


def test_building_a_sparse_layer_installs_the_kernels() -> None:
    code = """
import spconv.pytorch
assert not hasattr(spconv.pytorch.ops.indice_conv, "cpu_kernel")
from perception_kd.registry import MODELS
MODELS.build(dict(type="mmdet3d.SparseEncoder", in_channels=4, sparse_shape=[41, 64, 64]))
assert hasattr(spconv.pytorch.ops.indice_conv, "cpu_kernel")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
