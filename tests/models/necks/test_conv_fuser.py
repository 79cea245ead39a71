"""Fusing maps: the layers by hand, and maps that do not fit."""

import pytest
import torch

from perception_kd.models.necks import ConvFuser


def test_maps_are_concatenated_in_order_convolved_and_normalized() -> None:
    torch.manual_seed(0)
    fuser = ConvFuser((2, 3), out_channels=4)
    maps = [torch.randn(2, 2, 5, 6), torch.randn(2, 3, 5, 6)]
    weight = fuser.state_dict()["0.weight"]
    assert weight.shape == (4, 5, 3, 3)
    mixed = torch.nn.functional.conv2d(maps[0], weight[:, :2], padding=1)
    mixed = mixed + torch.nn.functional.conv2d(maps[1], weight[:, 2:], padding=1)
    mean = mixed.mean(dim=(0, 2, 3), keepdim=True)
    std = (mixed.var(dim=(0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(fuser(maps), ((mixed - mean) / std).relu(), atol=1e-5, rtol=1e-4)


def test_rejects_maps_of_other_channels_or_sizes() -> None:
    fuser = ConvFuser((2, 3), out_channels=4)
    with pytest.raises(ValueError, match=r"maps must have \(2, 3\) channels and one size"):
        fuser([torch.zeros(1, 3, 5, 6), torch.zeros(1, 2, 5, 6)])
    with pytest.raises(ValueError, match="let both sensors use one grid"):
        fuser([torch.zeros(1, 2, 5, 6), torch.zeros(1, 3, 6, 6)])
