"""ViT teachers on tiny random models that transformers itself writes."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from perception_kd.models.backbones import VisionTransformerTeacher
from perception_kd.registry import MODELS

SIZES = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32
)


def save_model(model_type: str, folder: Path, patch_size: int = 8) -> Any:
    """Write a random model of a type into a folder, and return it."""
    transformers = pytest.importorskip("transformers")
    sizes = SIZES | dict(patch_size=patch_size)
    if model_type == "dinov2":
        model = transformers.Dinov2Model(transformers.Dinov2Config(**sizes))
    elif model_type == "dinov2_with_registers":
        config = transformers.Dinov2WithRegistersConfig(**sizes, num_register_tokens=3)
        model = transformers.Dinov2WithRegistersModel(config)
    elif model_type == "dinov3_vit":
        config = transformers.DINOv3ViTConfig(**sizes, num_register_tokens=2)
        model = transformers.DINOv3ViTModel(config)
    elif model_type == "dinov3_convnext":
        config = transformers.DINOv3ConvNextConfig(hidden_sizes=[4, 4, 8, 16], depths=[1, 1, 1, 1])
        model = transformers.DINOv3ConvNextModel(config)
    else:
        model = transformers.ViTModel(transformers.ViTConfig(**sizes), add_pooling_layer=False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize(
    ("model_type", "num_leading"),
    [("vit", 1), ("dinov2", 1), ("dinov2_with_registers", 4), ("dinov3_vit", 3)],
)
def test_the_map_is_the_patch_tokens_row_by_row(
    model_type: str, num_leading: int, tmp_path: Path
) -> None:
    reference = save_model(model_type, tmp_path)
    teacher = VisionTransformerTeacher(str(tmp_path)).eval()
    imgs = torch.randn(2, 3, 24, 40)
    options = {"interpolate_pos_encoding": True} if model_type == "vit" else {}
    with torch.no_grad():
        tokens = reference(pixel_values=imgs, **options).last_hidden_state
        feats = teacher(imgs)
    assert tokens.shape[1] == num_leading + 3 * 5
    assert feats.shape == (2, 16, 3, 5)
    for row in range(3):
        for col in range(5):
            expected = tokens[:, num_leading + 5 * row + col]
            torch.testing.assert_close(feats[:, :, row, col], expected)


def test_tokens_come_after_the_last_norm(tmp_path: Path) -> None:
    reference = save_model("dinov2", tmp_path)
    imgs = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        output = reference(pixel_values=imgs, output_hidden_states=True)
        expected = reference.layernorm(output.hidden_states[-1])[:, 1:]
        feats = VisionTransformerTeacher(str(tmp_path)).eval()(imgs)
    torch.testing.assert_close(feats.flatten(2).transpose(1, 2), expected)


@pytest.mark.parametrize("model_type", ["vit", "dinov2", "dinov2_with_registers", "dinov3_vit"])
@pytest.mark.parametrize("layer", [1, 2, -2, -1])
def test_tokens_of_a_layer_are_taken_before_or_after_the_norm(
    model_type: str, layer: int, tmp_path: Path
) -> None:
    reference = save_model(model_type, tmp_path)
    imgs = torch.randn(1, 3, 32, 32)
    blocks = [
        module
        for name, module in reference.named_modules()
        if re.fullmatch(r".*layers?\.\d+", name)
    ]
    assert len(blocks) == 2
    states = []
    for block in blocks:
        block.register_forward_hook(
            lambda _, __, output: states.append(output[0] if isinstance(output, tuple) else output)
        )
    norm = reference.norm if model_type == "dinov3_vit" else reference.layernorm
    teacher = {n: VisionTransformerTeacher(str(tmp_path), layer, n).eval() for n in (True, False)}
    with torch.no_grad():
        reference(pixel_values=imgs)
        tokens = states[layer - 1 if layer > 0 else layer][:, -16:]
        for normed, expected in ((True, norm(tokens)), (False, tokens)):
            feats = teacher[normed](imgs).flatten(2).transpose(1, 2)
            torch.testing.assert_close(feats, expected)


def test_a_convnext_gives_the_map_of_its_last_stage(tmp_path: Path) -> None:
    reference = save_model("dinov3_convnext", tmp_path)
    teacher = VisionTransformerTeacher(str(tmp_path)).eval()
    assert (teacher.out_channels, teacher.stride, teacher.cell_offset) == (16, 32, 15.5)
    imgs = torch.randn(2, 3, 64, 90)
    padded = torch.zeros(2, 3, 64, 96)
    padded[..., :90] = imgs
    with torch.no_grad():
        feats = teacher(imgs)
        expected = reference.model(padded).last_hidden_state
        expected = reference.layer_norm(expected.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert feats.shape == (2, 16, 2, 3)
    torch.testing.assert_close(feats, expected)
    with pytest.raises(ValueError, match="has only the normed map of its last stage"):
        VisionTransformerTeacher(str(tmp_path), normed=False)


@pytest.mark.parametrize("layer", [0, 3, -3])
def test_a_layer_that_is_not_there_is_refused(layer: int, tmp_path: Path) -> None:
    save_model("dinov2", tmp_path)
    with pytest.raises(ValueError, match=f"layer must be in 1..2 or -2..-1, but got {layer}"):
        VisionTransformerTeacher(str(tmp_path), layer)


@pytest.mark.parametrize("model_type", ["vit", "dinov2"])
def test_an_odd_image_is_padded_with_zeros_at_the_far_sides(
    model_type: str, tmp_path: Path
) -> None:
    save_model(model_type, tmp_path, patch_size=14)
    teacher = VisionTransformerTeacher(str(tmp_path)).eval()
    imgs = torch.randn(1, 3, 30, 57)
    padded = torch.zeros(1, 3, 42, 70)
    padded[..., :30, :57] = imgs
    with torch.no_grad():
        feats = teacher(imgs)
        torch.testing.assert_close(feats, teacher(padded))
    assert feats.shape == (1, 16, 3, 5)


def test_declares_channels_stride_and_the_middle_of_a_patch(tmp_path: Path) -> None:
    save_model("dinov2", tmp_path, patch_size=14)
    teacher = MODELS.build(dict(type="VisionTransformerTeacher", checkpoint=str(tmp_path)))
    assert (teacher.out_channels, teacher.stride, teacher.cell_offset) == (16, 14, 6.5)


def test_a_file_without_a_weight_is_refused(tmp_path: Path) -> None:
    save_model("dinov2", tmp_path)
    safetensors = pytest.importorskip("safetensors.torch")
    weights = safetensors.load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.1.norm2.weight"]
    safetensors.save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 are missing.*first encoder.layer.1.norm2.weight"):
        VisionTransformerTeacher(str(tmp_path))


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    save_model("dinov2", tmp_path)
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"patch_size": 8', '"patch_size": 16'))
    with pytest.raises(ValueError, match=r"must fit its config.json.*patch_embeddings"):
        VisionTransformerTeacher(str(tmp_path))


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match=r"model_type in .* must be one of vit, .* got bert"):
        VisionTransformerTeacher(str(tmp_path))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(FileNotFoundError, match=r"No config.json in .*none; put the folder"):
        VisionTransformerTeacher(str(tmp_path / "none"))


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "perception-kd\[vit\]"'):
        VisionTransformerTeacher(str(tmp_path))
