"""MinkUNet, against a dense twin on masked volumes and a count of its parameters."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmdet3d.models.backbones import MinkUNetBackbone
from torch import Tensor, nn

from perception_kd.models.backbones import MinkUNet
from perception_kd.ops.batch_norm import VoxelBatchNorm

TINY: dict[str, Any] = dict(
    in_channels=2,
    base_channels=4,
    encoder_channels=(4, 6),
    encoder_blocks=(1, 2),
    decoder_channels=(5, 3),
    decoder_blocks=(1, 1),
)


def make_network(**settings: Any) -> MinkUNet:
    """Return a network in eval mode whose batch norms do something."""
    torch.manual_seed(0)
    network = MinkUNet(**{**TINY, **settings}).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.05, 0.2)
            nn.init.normal_(module.bias, std=0.5)
    return network


def make_voxels(
    shape: Sequence[int], share: float, samples: Sequence[int] = (0,)
) -> tuple[Tensor, Tensor]:
    """Return features and coordinates of voxels at random places."""
    generator = torch.Generator().manual_seed(0)
    occupied = torch.rand(max(samples) + 1, *shape, generator=generator) < share
    coors = occupied.nonzero()
    coors = coors[torch.isin(coors[:, 0], torch.tensor(samples))].int()
    return torch.randn(len(coors), 2, generator=generator), coors


class DenseTwin:
    """The same U-Net on whole volumes (1, C, Z, Y, X), zeroed where no voxel is."""

    def __init__(self, network: MinkUNet) -> None:
        self.weights = dict(network.named_parameters()) | dict(network.named_buffers())
        self.network = network

    def kernel(self, name: str) -> Tensor:
        """Return the weights of a convolution as (outputs, inputs, Z, Y, X)."""
        weight = self.weights[f"{name}.weight"]
        outputs, *size, inputs = weight.shape
        if size == [1, 1, 1]:
            # spconv reads these in memory order as (inputs, outputs), whatever the
            # shape says.
            return weight.view(inputs, outputs).T[..., None, None, None]
        return weight.permute(0, 4, 1, 2, 3)

    def norm(self, volume: Tensor, name: str) -> Tensor:
        """Normalize by the running statistics."""
        names = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(volume, *(self.weights[f"{name}.{key}"] for key in names))

    def block(self, volume: Tensor, occupied: Tensor, name: str) -> Tensor:
        """Apply a residual block."""
        out = F.conv3d(volume, self.kernel(f"{name}.conv1"), padding=1)
        out = self.norm(out, f"{name}.bn1").relu() * occupied
        out = F.conv3d(out, self.kernel(f"{name}.conv2"), padding=1)
        out = self.norm(out, f"{name}.bn2")
        if f"{name}.downsample.0.weight" in self.weights:
            volume = F.conv3d(volume, self.kernel(f"{name}.downsample.0"))
            volume = self.norm(volume, f"{name}.downsample.1")
        return (out + volume).relu() * occupied

    def __call__(self, volume: Tensor, occupied: Tensor) -> Tensor:
        """Apply the network."""
        stem = F.conv3d(volume, self.kernel("conv_input.0.0"), padding=1)
        volume = self.norm(stem, "conv_input.0.1").relu() * occupied
        skips = []
        for stage, modules in enumerate(self.network.encoder):
            skips.append((volume, occupied))
            occupied = F.max_pool3d(occupied, 2)
            name = f"encoder.{stage}"
            volume = F.conv3d(volume, self.kernel(f"{name}.0.0"), stride=2)
            volume = self.norm(volume, f"{name}.0.1").relu() * occupied
            for block in range(1, len(modules)):
                volume = self.block(volume, occupied, f"{name}.{block}")
        for stage, (skip, occupied) in enumerate(reversed(skips)):
            name = f"decoder.{stage}"
            kernel = self.kernel(f"{name}.0.0").transpose(0, 1)
            volume = F.conv_transpose3d(volume, kernel, stride=2)
            volume = self.norm(volume, f"{name}.0.1").relu() * occupied
            volume = torch.cat([volume, skip], dim=1)
            for block in range(len(self.network.decoder[stage][1])):
                volume = self.block(volume, occupied, f"{name}.1.{block}")
        return volume


@pytest.mark.parametrize("share", [1.0, 0.3, 0.05])
def test_features_match_a_dense_twin(share: float) -> None:
    network, shape = make_network(), (8, 12, 4)
    features, coors = make_voxels(shape, share)
    z, y, x = coors[:, 1:].long().T
    volume, occupied = torch.zeros(1, 2, *shape), torch.zeros(1, 1, *shape)
    volume[0, :, z, y, x] = features.T
    occupied[0, 0, z, y, x] = 1
    expected = DenseTwin(network)(volume, occupied)[0, :, z, y, x].T
    torch.testing.assert_close(network(features, coors, 1, shape), expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 0.1


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (9, 4, 13)])
def test_features_do_not_depend_on_the_grid_size(shape: tuple[int, ...]) -> None:
    network = make_network()
    features, coors = make_voxels(shape, share=1.0)
    out = network(features, coors, 1, shape)
    torch.testing.assert_close(out, network(features, coors, 1, (16, 16, 16)))


def test_samples_are_independent_and_may_be_empty() -> None:
    network, shape = make_network(), (8, 8, 8)
    features, coors = make_voxels(shape, share=0.3, samples=(1, 2))
    out = network(features, coors, 4, shape)
    for sample in (1, 2):
        own = coors[:, 0] == sample
        alone = coors[own] * torch.tensor([0, 1, 1, 1], dtype=torch.int32)
        torch.testing.assert_close(out[own], network(features[own], alone, 1, shape))


def test_rows_may_come_in_any_order() -> None:
    network, shape = make_network(), (8, 8, 8)
    features, coors = make_voxels(shape, share=0.3, samples=(0, 1))
    order = torch.randperm(len(coors), generator=torch.Generator().manual_seed(1))
    out = network(features[order], coors[order], 2, shape)
    torch.testing.assert_close(out, network(features, coors, 2, shape)[order])


def test_no_voxels_give_no_features() -> None:
    network = MinkUNet(**TINY)
    out = network(torch.zeros(0, 2), torch.zeros(0, 4).int(), 2, (16, 16, 16))
    assert out.shape == (0, network.out_channels)


def test_a_single_voxel_trains() -> None:
    network = make_network().train()
    out = network(torch.ones(1, 2), torch.zeros(1, 4).int(), 1, (1, 1, 1))
    assert out.shape == (1, 3)
    expected = make_network()(torch.ones(1, 2), torch.zeros(1, 4).int(), 1, (1, 1, 1))
    torch.testing.assert_close(out, expected)


def test_batch_norm_of_several_voxels_matches_torch() -> None:
    ours, torchs = VoxelBatchNorm(3, momentum=0.3), nn.BatchNorm1d(3, momentum=0.3)
    for feats in torch.randn(4, 5, 3):
        torch.testing.assert_close(ours(feats), torchs(feats))
    torch.testing.assert_close(ours.state_dict(), torchs.state_dict())
    torch.testing.assert_close(ours.eval()(feats), torchs.eval()(feats))


def count_parameters(blocks: Sequence[int], in_channels: int = 1) -> int:
    """Add up Res16UNet34C layer by layer, from the description of its paper's code."""

    def conv(kernel: int, inputs: int, outputs: int) -> int:
        return kernel**3 * inputs * outputs + 2 * outputs  # with batch norm

    def stage(num_blocks: int, inputs: int, outputs: int) -> int:
        shortcut = conv(1, inputs, outputs) if inputs != outputs else 0
        first = conv(3, inputs, outputs) + conv(3, outputs, outputs) + shortcut
        return first + (num_blocks - 1) * 2 * conv(3, outputs, outputs)

    total = conv(3, in_channels, 32)
    for num_blocks, inputs, outputs in zip(
        blocks, (32, 32, 64, 128), (32, 64, 128, 256), strict=True
    ):
        total += conv(2, inputs, inputs) + stage(num_blocks, inputs, outputs)
    for inputs, outputs, skip in ((256, 256, 128), (256, 128, 64), (128, 96, 32), (96, 96, 32)):
        total += conv(2, inputs, outputs) + stage(2, outputs + skip, outputs)
    return total


@pytest.mark.parametrize(("blocks", "millions"), [((2, 3, 4, 6), 37.84), ((2, 2, 2, 2), 21.69)])
def test_parameter_count_is_the_published_one(blocks: tuple[int, ...], millions: float) -> None:
    num_parameters = sum(p.numel() for p in MinkUNet(encoder_blocks=blocks).parameters())
    assert num_parameters == count_parameters(blocks)
    assert round(num_parameters / 1e6, 2) == millions


def test_convention_residual_paths_have_their_momentum() -> None:
    network = MinkUNet(**TINY, bn_momentum=0.02, bn_momentum_blocks=0.3)
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            inside = name.endswith((".bn1", ".bn2"))
            assert module.momentum == (0.3 if inside else 0.02), name


def test_parameters_keep_the_names_of_mmdet3d() -> None:
    settings = {
        key: list(value) if isinstance(value, tuple) else value for key, value in TINY.items()
    }
    base = MinkUNetBackbone(num_stages=2, sparseconv_backend="spconv", **settings)
    ours = MinkUNet(**TINY).state_dict()
    missing = base.load_state_dict(ours, strict=False)
    assert not missing.unexpected_keys
    # Its stem has a second convolution.
    assert all(key.startswith("conv_input.1.") for key in missing.missing_keys)


def test_settings_are_not_modified() -> None:
    channels = [4, 6]
    MinkUNet(**{**TINY, "encoder_channels": channels})
    assert channels == [4, 6]


def test_rejects_settings_and_shapes() -> None:
    with pytest.raises(ValueError, match="must have one entry per stage"):
        MinkUNet(encoder_blocks=(2, 2))
    with pytest.raises(ValueError, match=r"features must have shape \(K, 2\)"):
        MinkUNet(**TINY)(torch.zeros(1, 3), torch.zeros(1, 4).int(), 1, (1, 1, 1))
    with pytest.raises(ValueError, match=r"coors must have shape \(1, 4\)"):
        MinkUNet(**TINY)(torch.zeros(1, 2), torch.zeros(2, 4).int(), 1, (1, 1, 1))
