"""A frozen backbone that autograd does not follow."""

from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.registry import MODELS


@MODELS.register_module()
class FrozenBackbone(nn.Module):
    """Hold a frozen teacher: no gradients, always in eval mode, bounded memory.

    mmengine calls ``train()`` on the model in every epoch; here that changes nothing,
    so running statistics stay those of the checkpoint.

    Args:
        backbone: Config of an image network, or the network: (V, 3, H, W) to (V, C, h,
            w), or to a tuple of maps of which the last is taken.
        max_views_per_forward: Images that go through the network at once; None for all.
            Results do not depend on it, peak memory does.
        amp_dtype: "bfloat16" or "float16" to run the network under autocast; None for
            the images' own type. The map has the images' type in any case.
        channels_last: Whether the network runs in channels-last memory format.

    Attributes:
        out_channels: Channels C of the map, as the backbone declares it; likewise
            ``stride`` px, ``cell_offset`` px, and ``mean`` and ``std`` of its input.

    Raises:
        ValueError: If ``max_views_per_forward`` is not positive, or ``amp_dtype`` is
            unknown.
    """

    out_channels: int
    stride: int
    cell_offset: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        max_views_per_forward: int | None = None,
        amp_dtype: str | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        if max_views_per_forward is not None and max_views_per_forward < 1:
            raise ValueError(
                f"max_views_per_forward must be positive, but got {max_views_per_forward}."
            )
        if amp_dtype not in (None, "bfloat16", "float16"):
            raise ValueError(
                f'amp_dtype must be "bfloat16", "float16" or None, but got "{amp_dtype}".'
            )
        network = backbone if isinstance(backbone, nn.Module) else MODELS.build(backbone)
        self.backbone = network.requires_grad_(False)
        self.max_views_per_forward = max_views_per_forward
        self.amp_dtype = getattr(torch, amp_dtype) if amp_dtype else None
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        # torch's own stubs lack this overload.
        self.backbone.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        for declared in ("out_channels", "stride", "cell_offset", "mean", "std"):
            if hasattr(network, declared):
                setattr(self, declared, getattr(network, declared))
        self.train()

    def train(self, mode: bool = True) -> "FrozenBackbone":
        """Stay in eval mode, whatever ``mode`` is."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, imgs: Tensor) -> Tensor:
        """Return the backbone's map, outside any autograd graph.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).

        Returns:
            Shape (V, C, h, w), of the images' type.
        """
        chunk_size = self.max_views_per_forward or len(imgs)
        if chunk_size >= len(imgs):
            return self._forward_chunk(imgs)

        first = self._forward_chunk(imgs[:chunk_size])
        # Filled in place: a list and its concatenation would hold everything twice.
        feats = first.new_empty((len(imgs), *first.shape[1:]))
        feats[:chunk_size] = first
        for start in range(chunk_size, len(imgs), chunk_size):
            views = slice(start, start + chunk_size)
            feats[views] = self._forward_chunk(imgs[views])
        return feats

    def _forward_chunk(self, imgs: Tensor) -> Tensor:
        imgs = imgs.to(memory_format=self.memory_format)
        with torch.autocast(
            imgs.device.type, dtype=self.amp_dtype, enabled=self.amp_dtype is not None
        ):
            feats = self.backbone(imgs)
        return (feats[-1] if isinstance(feats, tuple | list) else feats).to(imgs.dtype)
