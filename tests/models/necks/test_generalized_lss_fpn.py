"""BEVFusion's neck: its layers by hand, its names, its errors."""

import pytest
import torch
import torch.nn.functional as F

from perception_kd.models.necks import GeneralizedLSSFPN


def test_levels_are_merged_from_the_deepest_on() -> None:
    torch.manual_seed(0)
    neck = GeneralizedLSSFPN((4, 6, 8), out_channels=5).eval()
    feats = [torch.randn(2, c, s, 2 * s) for c, s in ((4, 8), (6, 4), (8, 2))]
    middle = torch.cat([feats[1], F.interpolate(feats[2], (4, 8), mode="bilinear")], dim=1)
    middle = neck.fpn_convs[1](neck.lateral_convs[1](middle))
    finest = torch.cat([feats[0], F.interpolate(middle, (8, 16), mode="bilinear")], dim=1)
    finest = neck.fpn_convs[0](neck.lateral_convs[0](finest))
    outs = neck(feats)
    assert [tuple(out.shape) for out in outs] == [(2, 5, 8, 16), (2, 5, 4, 8)]
    torch.testing.assert_close(outs, (finest, middle))


def test_the_published_layers_and_names() -> None:
    # 1x1 over own channels and those from above, 3x3, without bias but with batch norm.
    state = GeneralizedLSSFPN((192, 384, 768)).state_dict()
    assert state["lateral_convs.0.conv.weight"].shape == (256, 192 + 256, 1, 1)
    assert state["lateral_convs.1.conv.weight"].shape == (256, 384 + 768, 1, 1)
    assert state["fpn_convs.0.conv.weight"].shape == (256, 256, 3, 3)
    assert "lateral_convs.0.bn.running_mean" in state
    assert "lateral_convs.0.conv.bias" not in state
    assert "lateral_convs.2.conv.weight" not in state


def test_rejects_another_number_of_levels() -> None:
    with pytest.raises(ValueError, match="in_channels must be of two or more levels"):
        GeneralizedLSSFPN((4,))
    with pytest.raises(ValueError, match="feats must be 3 levels, but got 2"):
        GeneralizedLSSFPN((4, 6, 8))([torch.zeros(1, 4, 2, 2)] * 2)
