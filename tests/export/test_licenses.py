"""Licenses on model cards: stated for what is surely known, and for nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception_kd.export.model_card.licenses import UNKNOWN, CardSource, find_teacher

KNOWN = ("dinov2-small", "dino-vits8", "resnet50-0676ba61.pth", "moco_v2_800ep_pretrain.pth.tar")
WORDS = ("dinov2", "dinov3", "dino", "moco", "swin_", "resnet", "efficientnet", "package", *KNOWN)
# What somebody may add to a name that is known.
OTHERS = st.text("abc0-_. ", min_size=1, max_size=4)
KINDS = ("VisionTransformerTeacher", "DilatedResNet", "EfficientNetLite", "mmdet.ResNet")


def license_of(network: Any, **settings: Any) -> CardSource:
    found = find_teacher({"model": {"img_backbone": network}, **settings})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"type": "A", "checkpoint": "w/moco_v2_800ep_pretrain.pth.tar"}, "CC BY-NC 4.0"),
        ({"backbone": {"type": "EfficientNetLite", "checkpoint": "package"}}, "Apache-2.0"),
        (
            {"type": KINDS[0], "checkpoint": "/w/dinov3-vits16-pretrain-lvd1689m"},
            "DINOv3 License",
        ),
        ({"type": KINDS[0], "checkpoint": "w/dinov2-small/"}, "Apache-2.0"),
        ({"type": "mmdet.ResNet", "init_cfg": {"checkpoint": "resnet50-0676ba61.pth"}}, "BSD-3"),
        ({"type": "CallableTeacher", "name": "dinov2:net"}, UNKNOWN),
        ({"type": "EfficientNetLite", "checkpoint": "own.pth"}, UNKNOWN),
        ({"type": "DilatedResNet", "checkpoint": "w/own.pth"}, UNKNOWN),
        ({"type": "DilatedResNet", "checkpoint": None}, "none needed"),
        ({"type": "OwnNetwork"}, UNKNOWN),
    ],
)
def test_licenses_of_teachers(network: Any, expected: str) -> None:
    assert license_of(network).license.startswith(expected)


def test_networks_without_images_have_no_teacher() -> None:
    assert find_teacher({"model": {"img_backbone": None}}) is None


@given(
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.sampled_from(WORDS),
    OTHERS,
    st.booleans(),
)
def test_no_part_of_a_path_gives_a_license(
    kind: str, folders: list[str], word: str, other: str, before: bool
) -> None:
    last = f"{other}{word}" if before else f"{word}{other}"
    path = "/".join(["", *folders, last])
    found = license_of({"backbone": {"type": kind, "checkpoint": path}})
    assert found.license == UNKNOWN or last.rstrip("/.") in KNOWN
    assert license_of({"type": kind, "checkpoint": "/".join([*folders, "own_net"])}) == CardSource(
        "own_net"
    )
    assert "/" not in found.name


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({"load_from": "/w/start.pth"}, UNKNOWN),
        ({"load_from": "/w/epoch_2.pth", "resume": True}, "MIT"),
        ({"load_pretrained_from": {"checkpoint": "start.pth", "prefix": "img_backbone."}}, UNKNOWN),
        ({"load_pretrained_from": [{"checkpoint": "s.pth", "prefix": "pts_backbone."}]}, "MIT"),
        ({"load_pretrained_from": {"checkpoint": None}}, "MIT"),
    ],
)
def test_weights_that_replaced_the_known_ones_make_it_unknown(start: Any, expected: str) -> None:
    network = {"type": "S", "init_cfg": {"checkpoint": "swin_tiny_patch4_window7_224.pth"}}
    assert license_of(network, **start).license == expected
