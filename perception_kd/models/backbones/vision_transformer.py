"""DINO, DINOv2 and DINOv3 from a local folder of ``transformers``."""

from pathlib import Path
from typing import Any, ClassVar

import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from perception_kd.checkpoints.finite import check_finite
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape
from perception_kd.utils.extras import install_command

_CONVNEXT = "dinov3_convnext"
MODEL_TYPES = ("vit", "dinov2", "dinov2_with_registers", "dinov3_vit", _CONVNEXT)
_CONVNEXT_STRIDE = 32


@MODELS.register_module()
class VisionTransformerTeacher(nn.Module):
    """Patch tokens of a block, after the last norm or before it, as a map.

    DINOv2 is the recommendation: its code and weights are under Apache-2.0, while those
    of DINOv3 are under a license of its own, which restricts their use. Learned
    positions are interpolated to the size of the image. An image whose sides
    are not multiples of the patch is padded with zeros (the mean color) at the right
    and the bottom, so no pixel is lost and no pixel moves.

    Convention:
        Cell (i, j) of the map is centered on row ``cell_offset + stride * i``, column
        ``cell_offset + stride * j``: the middle of its patch.

    Args:
        checkpoint: Local folder with ``config.json`` and the weights, as
            ``transformers`` saves them, of a DINO (``vit``), DINOv2 (with registers or
            without) or DINOv3 (``dinov3_vit``, ``dinov3_convnext``) model.
        layer: Block whose tokens are taken: 1 is the first, -1 the last. A
            ``dinov3_convnext`` has only the map of its last stage.
        normed: Whether tokens pass the model's last norm.

    Attributes:
        mean: Mean of DINO's and DINOv2's training images, RGB in 0..255.
        std: Standard deviation of these images.
        out_channels: Channels of the map.
        stride: Stride of the map in px: the side of a patch.
        cell_offset: Position of the map's cell 0 in px.

    Raises:
        ImportError: If ``transformers`` is not installed.
        FileNotFoundError: If the folder or its ``config.json`` does not exist.
        ValueError: If the model is of another type, the weights do not fit it, or it
            has no such layer.
    """

    mean: ClassVar[tuple[float, ...]] = (123.675, 116.28, 103.53)
    std: ClassVar[tuple[float, ...]] = (58.395, 57.12, 57.375)

    def __init__(self, checkpoint: str, layer: int = -1, normed: bool = True) -> None:
        super().__init__()
        self.model = _load(Path(checkpoint))
        config = self.model.config
        is_convnext = config.model_type == _CONVNEXT
        self.out_channels: int = config.hidden_sizes[-1] if is_convnext else config.hidden_size
        self.stride: int = _CONVNEXT_STRIDE if is_convnext else config.patch_size
        self.layer = _check_layer(layer, config, normed)
        self.normed = normed
        self.cell_offset = (self.stride - 1) / 2
        self.num_leading_tokens = 1 + getattr(config, "num_register_tokens", 0)
        # DINO's class interpolates positions on request only, DINOv2's always.
        self._options = {"interpolate_pos_encoding": True} if config.model_type == "vit" else {}

    def forward(self, imgs: Tensor) -> Tensor:
        """Return the patch tokens as a map.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).

        Returns:
            Shape (V, C, ceil(H / stride), ceil(W / stride)).
        """
        check_shape("imgs", imgs, ("V", 3, "H", "W"))
        height, width = imgs.shape[-2:]
        rows, cols = -(-height // self.stride), -(-width // self.stride)
        imgs = F.pad(imgs, (0, cols * self.stride - width, 0, rows * self.stride - height))
        patches = self._tokens(imgs)[:, self.num_leading_tokens :]  # behind class and registers
        return patches.transpose(1, 2).unflatten(2, (rows, cols))

    def _tokens(self, imgs: Tensor) -> Tensor:
        if self.layer == -1 and self.normed:
            return self.model(pixel_values=imgs, **self._options).last_hidden_state
        output = self.model(pixel_values=imgs, output_hidden_states=True, **self._options)
        tokens: Tensor = output.hidden_states[self.layer]
        norm = getattr(self.model, "layernorm", None) or self.model.norm
        return norm(tokens) if self.normed else tokens


def _check_layer(layer: int, config: Any, normed: bool) -> int:
    """Return which hidden state to take, -1 for the last one."""
    if config.model_type == _CONVNEXT:
        if layer != -1 or not normed:
            raise ValueError(
                f"A {_CONVNEXT} has only the normed map of its last stage, but got layer={layer}, "
                f"normed={normed}; leave both out."
            )
        return layer
    number = config.num_hidden_layers
    if not (1 <= layer <= number or -number <= layer <= -1):
        raise ValueError(f"layer must be in 1..{number} or -{number}..-1, but got {layer}.")
    return -1 if layer == number else layer


def _load(folder: Path) -> Any:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise ImportError(
            "VisionTransformerTeacher needs transformers; install it with "
            f"{install_command('vit')}."
        ) from error
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"No config.json in {folder}; put the folder of a DINO, v2 or v3 model (config.json "
            "and model.safetensors) there, or set checkpoint to where it is."
        )
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.model_type not in MODEL_TYPES:
        raise ValueError(
            f"model_type in {folder / 'config.json'} must be one of {', '.join(MODEL_TYPES)}, "
            f"but got {config.model_type}."
        )
    model, info = AutoModel.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # reported below, with all names
    )
    # The pooler stands behind the tokens; DINO's published weights have none.
    lacking = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    lacking += sorted(str(entry[0]) for entry in info["mismatched_keys"])
    if lacking:
        raise ValueError(
            f"The weights in {folder} must fit its config.json, but {len(lacking)} are missing or "
            f"of another shape, first {lacking[0]}; take both from the same model."
        )
    check_finite(folder, model.state_dict())
    print_log(f"Loaded {config.model_type} from {folder}.", logger="current")
    return model
