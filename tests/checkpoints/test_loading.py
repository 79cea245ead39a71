"""Weights go where they belong, or nowhere."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.checkpoints.matching import load_report
from perception_kd.checkpoints.reading import read_checkpoint


def make_model() -> nn.Sequential:
    """Make 12 + 4 parameters in the body and 4 in the head, and the state of a norm."""
    layers = dict(body=nn.Linear(3, 4), norm=nn.BatchNorm1d(4, affine=False), head=nn.Linear(4, 1))
    model = nn.Sequential(OrderedDict(layers))
    with torch.no_grad():
        for value in model.state_dict().values():
            value.zero_()
    return model


def weights(value: float = 1.0) -> dict[str, Tensor]:
    return {name: torch.full_like(old, value) for name, old in make_model().state_dict().items()}


def save(folder: Path, content: Any) -> Path:
    path = folder / "checkpoint.pth"
    torch.save(content, path)
    return path


def values(model: nn.Module) -> set[float]:
    """Collect the different values of all tensors of a model."""
    return {float(v) for state in model.state_dict().values() for v in state.flatten()}


@pytest.mark.parametrize("entry", ["state_dict", "model_state", "model", "teacher", None])
@pytest.mark.parametrize("prefix", ["", "module.", "pts_backbone.", "module.pts_backbone."])
def test_published_layouts_load(tmp_path: Path, entry: str | None, prefix: str) -> None:
    named = {prefix + name: value for name, value in weights().items()}
    extra = {"optimizer": {"lr": 1.0}, "epoch": 3}
    path = save(tmp_path, {entry: named, **extra} if entry else named)
    model = make_model()
    report = load_pretrained(model, path, prefix.removeprefix("module."))
    assert values(model) == {1.0}
    assert report.share_loaded == 1
    assert len(report.matched) == 7
    assert not report.missing + report.unexpected + report.mismatched


def test_an_entry_can_be_named(tmp_path: Path) -> None:
    path = save(tmp_path, {"state_dict": weights(1.0), "ema_state_dict": weights(2.0)})
    model = make_model()
    load_pretrained(model, path, entry="ema_state_dict")
    assert values(model) == {2.0}
    with pytest.raises(ValueError, match=r'no weights under "ema"; it has state_dict, ema_'):
        read_checkpoint(path, "ema")


def test_the_report_counts_parameters_by_their_size() -> None:
    state = weights()
    del state["head.weight"], state["norm.running_mean"], state["norm.num_batches_tracked"]
    state["head.bias"] = torch.ones(2)
    state["other"] = torch.ones(1)
    report = load_report(make_model(), state)
    # Body 3 * 4 + 4, head 4 + 1: of 21 parameter values the body's 16 fit. The norm's
    # state is not a parameter, and its counter is not missed.
    assert report.share_loaded == pytest.approx(16 / 21)
    assert report.matched == ("body.bias", "body.weight", "norm.running_var")
    assert report.missing == ("head.weight", "norm.running_mean")
    assert report.mismatched == (("head.bias", (1,), (2,)),)
    assert report.unexpected == ("other",)
    assert str(report).splitlines() == [
        "76.2% of the parameters",
        "  matched        3",
        "  missing        2  head.weight, norm.running_mean",
        "  unexpected     1  other",
        "  mismatched     1  head.bias (1,) <- (2,)",
        "  converted      0",
    ]


def test_a_long_list_of_names_is_cut() -> None:
    state = {**weights(), **{f"extra{i}": torch.ones(1) for i in range(9)}}
    assert "extra5 and 3 more" in str(load_report(make_model(), state))


def test_only_what_is_below_the_prefix_is_looked_at() -> None:
    state = {f"pts_backbone.{name}": value for name, value in weights().items()}
    report = load_report(make_model(), {**state, "img_head.weight": torch.ones(1)}, "pts_backbone.")
    assert report.share_loaded == 1
    assert not report.unexpected


@pytest.mark.parametrize("saved_as", ["encoder.", "module.encoder.", "module."])
def test_too_little_is_refused_with_a_prefix_that_fits(tmp_path: Path, saved_as: str) -> None:
    named = {saved_as + name: value for name, value in weights().items()}
    model = make_model()
    expected = saved_as if saved_as == "encoder." else saved_as.removeprefix("module.")
    with pytest.raises(ValueError, match=rf"prefix='{expected}' would match 100.0%"):
        load_pretrained(model, save(tmp_path, named), prefix="wrong.")
    assert values(model) == {0.0}


def test_a_checkpoint_of_something_else_is_refused_with_its_keys(tmp_path: Path) -> None:
    path = save(tmp_path, {"conv.kernel": torch.ones(3)})
    with pytest.raises(ValueError, match=r"no prefix would match; its keys begin conv\.kernel"):
        load_pretrained(make_model(), path)


def test_a_single_missing_weight_is_named(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(100, 100), nn.Linear(1, 1))
    state = {name: value for name, value in model.state_dict().items() if name != "1.bias"}
    wanted = r"at least 100% .* has 99\.9% and lacks 1\.bias; no other prefix would match more"
    with pytest.raises(ValueError, match=wanted):
        load_pretrained(model, save(tmp_path, state), min_share=1.0)


def test_all_includes_the_statistics_of_norms(tmp_path: Path) -> None:
    state = {name: value for name, value in weights().items() if name != "norm.running_var"}
    with pytest.raises(ValueError, match=r"has 100\.0% and lacks norm\.running_var"):
        load_pretrained(make_model(), save(tmp_path, state), min_share=1.0)
    load_pretrained(make_model(), save(tmp_path, state), min_share=0.99)


def test_the_least_share_is_the_callers_to_lower(tmp_path: Path) -> None:
    state = {name: value for name, value in weights().items() if not name.startswith("head")}
    path = save(tmp_path, state)
    model = make_model()
    with pytest.raises(ValueError, match=r"at least 90% .* has 76.2%"):
        load_pretrained(model, path)
    load_pretrained(model, path, min_share=16 / 21)
    assert values(model.get_submodule("body")) == {1.0}
    assert values(model.get_submodule("head")) == {0.0}


def test_a_new_head_is_ignored_by_name(tmp_path: Path) -> None:
    state = {**weights(), "head.weight": torch.ones(20, 4), "head.bias": torch.ones(20)}
    model = make_model()
    report = load_pretrained(model, save(tmp_path, state), ignore=["head."], min_share=1.0)
    assert report.share_loaded == 1
    assert not report.mismatched + report.unexpected
    assert values(model.get_submodule("body")) == {1.0}
    assert values(model.get_submodule("head")) == {0.0}


def test_a_differing_shape_is_refused_at_any_share(tmp_path: Path) -> None:
    model = make_model()
    path = save(tmp_path, {**weights(), "head.bias": torch.ones(2)})
    with pytest.raises(ValueError, match=r"head\.bias must have shape \(1,\), but .* has \(2,\)"):
        load_pretrained(model, path)
    assert values(model) == {0.0}


def test_another_network_size_is_named_before_the_share(tmp_path: Path) -> None:
    torch.save(nn.Linear(5, 7).state_dict(), tmp_path / "wide.pth")
    with pytest.raises(
        ValueError, match=r"bias must have shape \(2,\), but .* has \(7,\) \(2 such"
    ):
        load_pretrained(nn.Linear(3, 2), tmp_path / "wide.pth")


def test_half_precision_becomes_the_models(tmp_path: Path) -> None:
    model = make_model()
    path = save(tmp_path, {name: value.half() for name, value in weights().items()})
    load_pretrained(model, path)
    assert values(model) == {1.0}
    assert model.get_submodule("body").weight.dtype == torch.float32


def test_files_without_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No checkpoint at .*none\.pth"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(ValueError, match=r"has no weights under any of .* it has epoch"):
        read_checkpoint(save(tmp_path, {"epoch": 3}))


def test_unreadable_files_are_refused_without_unsafe_advice(tmp_path: Path) -> None:
    whole = save(tmp_path, weights()).read_bytes()
    path = tmp_path / "broken.pth"
    # Text, nothing, the first half, and all but the last bytes.
    for content in (b"# A text\n", b"", whole[: len(whole) // 2], whole[:-500], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"Cannot read the checkpoint .*broken\.pth"
        ) as refused:
            read_checkpoint(path)
        message = str(refused.value).replace(str(path), "")
        assert f"({type(refused.value.__cause__).__name__}): it is truncated" in message
        assert len(message) < 250


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, {"weight": torch.ones(1000)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(9).numpy().tobytes()) + 400] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pth is damaged: the checksum of its entry"):
        read_checkpoint(path)


def test_a_checkpoint_with_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save its state_dict alone"):
        read_checkpoint(save(tmp_path, nn.Linear(1, 1)))


class SparseConvolution(nn.Module):
    """Named like spconv's and mmcv's, by which such weights are recognized."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))


class SubMConv3d(SparseConvolution):
    """A subclass, as in spconv."""


def test_spconv_1_weights_are_turned_to_spconv_2(tmp_path: Path) -> None:
    old = torch.arange(3 * 1 * 2 * 4 * 5.0).reshape(3, 1, 2, 4, 5)
    layer = SubMConv3d(5, 3, 1, 2, 4)
    report = load_pretrained(nn.Sequential(layer), save(tmp_path, {"0.weight": old}))
    assert report.converted == ("0.weight",)
    # (kz, ky, kx, C_in, C_out) against (C_out, kz, ky, kx, C_in), written out.
    for z, y, x, i, o in ((2, 0, 1, 3, 4), (0, 0, 1, 2, 0), (1, 0, 0, 0, 3)):
        assert layer.weight[o, z, y, x, i] == old[z, y, x, i, o]


def test_spconv_2_weights_are_turned_to_spconv_1(tmp_path: Path) -> None:
    new = torch.arange(5 * 3 * 1 * 2 * 4.0).reshape(5, 3, 1, 2, 4)
    model = SparseConvolution(3, 1, 2, 4, 5)
    assert load_pretrained(model, save(tmp_path, {"weight": new})).converted == ("weight",)
    assert model.weight[2, 0, 1, 3, 4] == new[4, 2, 0, 1, 3]


@pytest.mark.parametrize("layout", ["spconv 1", "spconv 2"])
def test_a_converted_layer_computes_its_convolution(tmp_path: Path, layout: str) -> None:
    spconv = pytest.importorskip("spconv.pytorch")
    import perception_kd.ops  # noqa: F401  # makes spconv right on a CPU

    torch.manual_seed(0)
    volume, dense = torch.randn(1, 2, 4, 5, 6), torch.randn(3, 2, 3, 3, 3)
    # Dense weights are (C_out, C_in, kz, ky, kx).
    axes = {"spconv 1": (2, 3, 4, 1, 0), "spconv 2": (0, 2, 3, 4, 1)}[layout]
    layer = spconv.SubMConv3d(2, 3, 3, padding=1, bias=False)
    load_pretrained(layer, save(tmp_path, {"weight": dense.permute(axes).contiguous()}))

    cells = torch.cartesian_prod(torch.tensor([0]), *map(torch.arange, (4, 5, 6))).int()
    features = volume[0].flatten(1).T.contiguous()
    out = layer(spconv.SparseConvTensor(features, cells, [4, 5, 6], 1)).features
    expected = torch.nn.functional.conv3d(volume, dense, padding=1)[0].flatten(1).T
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_spconv_2_weights_stay_as_they_are(tmp_path: Path) -> None:
    # mmdet3d's layers would permute these: they come without version metadata.
    spconv = pytest.importorskip("spconv.pytorch")
    import mmdet3d.models.layers.spconv  # noqa: F401  # installs that behavior

    model = spconv.SubMConv3d(4, 4, 3, bias=False)
    new = torch.rand_like(model.weight)
    report = load_pretrained(model, save(tmp_path, {"weight": new}))
    assert torch.equal(model.weight, new)
    assert not report.converted


def test_dense_weights_are_never_permuted(tmp_path: Path) -> None:
    model = nn.Conv3d(4, 5, (3, 1, 2), bias=False)
    path = save(tmp_path, {"weight": torch.ones(4, 3, 1, 2, 5)})
    with pytest.raises(ValueError, match=r"weight must have shape \(5, 4, 3, 1, 2\)"):
        load_pretrained(model, path)


def test_negative_variances_are_refused(tmp_path: Path) -> None:
    state = weights()
    state["norm.running_var"][1] = -1
    with pytest.raises(ValueError, match=r"negative variances in norm\.running_var; it is dam"):
        load_pretrained(make_model(), save(tmp_path, state))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_of_a_diverged_training_are_refused(tmp_path: Path, bad: float) -> None:
    state = weights()
    state["norm.running_var"][2] = bad
    model = make_model()
    with pytest.raises(ValueError, match=r"NaN or infinity in 1 tensors: norm.running_var; its"):
        load_pretrained(model, save(tmp_path, state))
    assert values(model) == {0.0}
    # What is not loaded does no harm.
    load_pretrained(model, save(tmp_path, state), ignore=("norm.",))
