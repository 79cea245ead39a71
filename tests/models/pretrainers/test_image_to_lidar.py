"""Head and data preprocessor follow what the teacher declares."""

from typing import Any

import pytest
from mmengine.registry import init_default_scope

from perception_kd.models.pretrainers import SuperpixelDistillation
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import PRETRAINER

EFFICIENT_NET: dict[str, Any] = dict(
    img_backbone=dict(
        type="FrozenBackbone", backbone=dict(type="EfficientNetLite", out_strides=(16,))
    ),
    img_head=dict(type="PixelProjection", out_channels=6, align_corners=False),
)


def make_pretrainer(**settings: Any) -> SuperpixelDistillation:
    init_default_scope("perception_kd")
    preprocessor = dict(type="CameraLidarDataPreprocessor")
    parts: dict[str, Any] = {**PRETRAINER, "data_preprocessor": preprocessor, **settings}
    return MODELS.build(dict(type="SuperpixelDistillation", **parts))


def test_the_head_reads_the_map_of_the_teacher() -> None:
    head: Any = make_pretrainer(**EFFICIENT_NET).img_head
    assert head.conv.in_channels == 112
    assert (head.scale_factor, head.cell_offset) == (16, 15.0)


def test_a_published_head_has_no_cell_offset() -> None:
    head: Any = make_pretrainer(img_head=dict(type="PixelProjection", out_channels=6)).img_head
    assert head.conv.in_channels == 512
    assert (head.scale_factor, head.align_corners, head.cell_offset) == (4, True, None)


def test_images_are_normalized_for_the_teacher() -> None:
    preprocessor: Any = make_pretrainer(**EFFICIENT_NET).data_preprocessor
    assert preprocessor.mean.flatten().tolist() == [127.0] * 3
    assert preprocessor.std.flatten().tolist() == [128.0] * 3


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("img_head", "in_channels", 256),
        ("img_head", "scale_factor", 8),
        ("img_head", "cell_offset", 7.5),
        ("data_preprocessor", "mean", [120.0, 120.0, 120.0]),
        ("data_preprocessor", "std", [1.0, 1.0, 1.0]),
    ],
)
def test_settings_that_contradict_the_teacher_are_refused(
    part: str, setting: str, value: Any
) -> None:
    parts = {**EFFICIENT_NET, "data_preprocessor": dict(type="CameraLidarDataPreprocessor")}
    parts[part] = {**parts[part], setting: value}
    with pytest.raises(ValueError, match=rf"{part}\.{setting} is .* leave {setting} out"):
        make_pretrainer(**parts)


def test_settings_that_repeat_the_teacher_are_accepted() -> None:
    repeated = dict(type="CameraLidarDataPreprocessor", mean=[127, 127, 127])
    preprocessor: Any = make_pretrainer(
        **EFFICIENT_NET, data_preprocessor=repeated
    ).data_preprocessor
    assert preprocessor.mean.flatten().tolist() == [127.0] * 3
