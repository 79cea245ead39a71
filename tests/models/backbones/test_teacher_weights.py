"""Published files are recognized by their keys; each weight must fit."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from perception_kd.models.backbones import DilatedResNet
from perception_kd.models.backbones.teacher_weights import load_teacher_weights, recognize_format

Weights = dict[str, Tensor]


class TinyNetwork(nn.Module):
    """A stem, as the networks of the published files have, and one more layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)


def under(prefix: str, weights: Weights) -> Weights:
    return {prefix + name: value for name, value in weights.items()}


def moco_v2(weights: Weights) -> object:
    other = {name: torch.zeros_like(value) for name, value in weights.items()}
    state_dict = under("module.encoder_q.", weights) | under("module.encoder_k.", other)
    state_dict |= {"module.queue": torch.zeros(4), "module.encoder_q.fc.0.weight": torch.zeros(2)}
    return {"epoch": 800, "arch": "resnet50", "state_dict": state_dict}


def swav(weights: Weights) -> object:
    heads = {"projection_head.0.weight": torch.zeros(2), "prototypes.weight": torch.zeros(2)}
    return under("module.", weights | heads)


def dino_full(weights: Weights) -> object:
    other = {name: torch.zeros_like(value) for name, value in weights.items()}
    head = {"module.head.mlp.0.weight": torch.zeros(2)}
    return {
        "student": under("module.backbone.", other) | head,
        "teacher": under("module.backbone.", weights) | head,
        "epoch": 800,
        "args": argparse.Namespace(arch="resnet50"),
    }


def torchvision_supervised(weights: Weights) -> object:
    return weights | {"fc.weight": torch.zeros(2, 4), "fc.bias": torch.zeros(2)}


def dino_plain(weights: Weights) -> object:
    return weights


@pytest.mark.parametrize("write", [moco_v2, swav, dino_full, torchvision_supervised, dino_plain])
def test_loads_every_published_format(write: Callable[[Weights], object], tmp_path: Path) -> None:
    source, network = TinyNetwork(), TinyNetwork()
    source.bn1.running_mean = torch.full((4,), 0.5)
    torch.save(write(source.state_dict()), tmp_path / "teacher.pth")
    load_teacher_weights(network, tmp_path / "teacher.pth", published="")
    for key, value in source.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key


@pytest.mark.parametrize(
    ("prefix", "name"),
    [("module.encoder_q.", "MoCo v2"), ("backbone.", "DINO"), ("module.", "plain names (SwAV")],
)
def test_names_the_format(prefix: str, name: str) -> None:
    state_dict = under(prefix, TinyNetwork().state_dict())
    assert recognize_format(state_dict, "conv1.weight")[0].startswith(name)


def test_a_resnet_loads_a_file_with_a_classifier(tmp_path: Path) -> None:
    source = DilatedResNet(18)
    weights = source.state_dict() | {"fc.weight": torch.zeros(2, 512), "fc.bias": torch.zeros(2)}
    torch.save(weights, tmp_path / "resnet18.pth")
    loaded = DilatedResNet(18, out_stride=32, checkpoint=str(tmp_path / "resnet18.pth"))
    assert all(torch.equal(loaded.state_dict()[key], v) for key, v in source.state_dict().items())


def test_old_files_have_no_batch_counters(tmp_path: Path) -> None:
    weights = TinyNetwork().state_dict()
    del weights["bn1.num_batches_tracked"]
    torch.save(weights, tmp_path / "teacher.pth")
    load_teacher_weights(TinyNetwork(), tmp_path / "teacher.pth", published="")


@pytest.mark.parametrize("lost", ["bn1.weight", "bn1.running_var"])
def test_refuses_a_file_that_lacks_a_weight_or_a_statistic(lost: str, tmp_path: Path) -> None:
    weights = TinyNetwork().state_dict()
    del weights[lost]
    torch.save(weights, tmp_path / "teacher.pth")
    network = TinyNetwork()
    before = network.conv1.weight.clone()
    with pytest.raises(ValueError, match=rf"at least 100% of .* TinyNetwork, .* lacks {lost}"):
        load_teacher_weights(network, tmp_path / "teacher.pth", published="")
    assert torch.equal(network.conv1.weight, before)


def test_refuses_another_shape(tmp_path: Path) -> None:
    weights = TinyNetwork().state_dict() | {"conv1.weight": torch.zeros(4, 3, 7, 7)}
    torch.save(weights, tmp_path / "teacher.pth")
    with pytest.raises(ValueError, match=r"conv1.weight must have shape \(4, 3, 3, 3\)"):
        load_teacher_weights(TinyNetwork(), tmp_path / "teacher.pth", published="")


def test_refuses_the_file_of_another_depth(tmp_path: Path) -> None:
    torch.save(DilatedResNet(18).state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ValueError, match=r"must have shape .* but .*resnet18.pth has"):
        DilatedResNet(50, checkpoint=str(tmp_path / "resnet18.pth"))


def test_refuses_names_that_no_format_has(tmp_path: Path) -> None:
    torch.save(under("model.visual.", TinyNetwork().state_dict()), tmp_path / "teacher.pth")
    with pytest.raises(ValueError, match=r"encoder_q.conv1.weight \(MoCo v2\).*model.visual.bn1"):
        load_teacher_weights(TinyNetwork(), tmp_path / "teacher.pth", published="")


def test_a_missing_file_is_reported_with_its_alternatives(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pth; put MoCo v2 \(moco_v2_800ep"):
        DilatedResNet(50, checkpoint=str(tmp_path / "none.pth"))


def test_random_weights_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "perception_kd.models.backbones.teacher_weights.print_log",
        lambda message, logger, level: messages.append((message, level)),
    )
    load_teacher_weights(TinyNetwork(), None, published="")
    assert len(messages) == 1
    assert messages[0][0].startswith("TinyNetwork has random weights")
    assert messages[0][1] == logging.WARNING
