"""An image network of your own as a teacher, named as ``module:callable``."""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape

# What networks ask the sides of images to be multiples of; the sides in px that are
# tried, of which the long one tells strides apart.
_MULTIPLES = (1, 2, 4, 7, 8, 14, 16, 28, 32, 64)
_SHORT, _LONG = 96, 1024


@MODELS.register_module()
class CallableTeacher(nn.Module):
    """Call an image network of your own.

    Its properties are measured on a few images of zeros: the stride and the channels of
    its map, and which sizes it accepts. Images of other sizes are
    padded with zeros at the right and the bottom, so that no pixel moves. Put it into a
    :class:`~perception_kd.models.backbones.FrozenBackbone`, which freezes it, keeps it
    in eval mode and follows no gradient.

    Convention:
        The cells of the map are taken to tile the image: cell (i, j) is centered on row
        ``cell_offset + stride * i``, column ``cell_offset + stride * j``.

    Args:
        name: ``package.module:callable``. The callable maps images, RGB in 0..1, shape
            (V, 3, H, W), to a map (V, C, h, w), for instance a torch module, whose
            weights become part of checkpoints, or a function. A class is called without
            arguments first. The module is imported, so its code runs.

    Attributes:
        mean: Mean that is subtracted from 0..255, 0.
        std: Divisor of 0..255, so that the callable gets 0..1.
        out_channels: Channels of the map.
        stride: Stride of the map in px.
        multiple: Sides of images are padded to a multiple of this, in px.
        cell_offset: Position of the map's cell 0 in px.

    Raises:
        ValueError: If there is no such callable, or it gives no map of images.
    """

    mean: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0)
    std: ClassVar[tuple[float, ...]] = (255.0, 255.0, 255.0)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        # A module becomes a part of this one; a function is an attribute.
        self.network: Callable[[Tensor], Any] = import_callable(name)
        self.out_channels, self.stride, self.multiple = try_network(name, self.network)
        self.cell_offset = (self.stride - 1) / 2

    def forward(self, imgs: Tensor) -> Tensor:
        """Return the network's map.

        Args:
            imgs: Images, RGB in 0..1, shape (V, 3, H, W).

        Returns:
            Shape (V, C, h, w), with at least ``ceil(H / stride)`` rows.

        Raises:
            ValueError: If the network gives another shape.
        """
        check_shape("imgs", imgs, ("V", 3, "H", "W"))
        below, right = (-size % self.multiple for size in imgs.shape[-2:])
        feats: Tensor = self.network(F.pad(imgs, (0, right, 0, below)))
        rows, cols = (math.ceil(size / self.stride) for size in imgs.shape[-2:])
        feats = feats[..., :rows, :cols]
        check_shape(f"the map of {self.name}", feats, (len(imgs), self.out_channels, rows, cols))
        return feats


def import_callable(name: str) -> Callable[[Tensor], Any]:
    """Import ``module:callable``; make an instance of a class.

    Raises:
        ValueError: If it cannot be imported or called.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute) if attribute else None
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"A teacher must be module:callable that can be imported, but got {name}: {error}; "
            "check the name, and that its folder is on PYTHONPATH."
        ) from error
    if isinstance(found, type):
        found = found()
    if not callable(found):
        raise ValueError(f"A teacher must be module:callable, but {name} is a {type(found)}.")
    return found


def try_network(name: str, network: Callable[[Tensor], Any]) -> tuple[int, int, int]:
    """Find out what maps a network gives, and of which images.

    Args:
        name: Its name, for errors.
        network: Maps images (V, 3, H, W) to a map (V, C, h, w).

    Returns:
        Channels, stride in px, and the number that sides must be multiples of.

    Raises:
        ValueError: If it accepts none of the sizes, or what it gives is no map of them.
    """
    if isinstance(network, nn.Module):
        network.eval()
    reasons = []
    for multiple in _MULTIPLES:
        # Odd factors, so that no larger multiple is tried by chance.
        short, long = (multiple * (size // multiple | 1) for size in (_SHORT, _LONG))
        sizes = [(short, long), (long, short)]
        try:
            maps = [_call(network, *size) for size in sizes]
        except Exception as error:  # whatever a network raises for sizes it does not take
            reasons.append(f"{sizes[0]} px: {type(error).__name__}: {error}")
            continue
        strides = {_find_stride(size, feats) for size, feats in zip(sizes, maps, strict=True)}
        channels = {feats.shape[1] for feats in maps}
        if len(strides) == len(channels) == 1 and (stride := strides.pop()):
            return channels.pop(), stride, multiple
        shapes = [tuple(feats.shape) for feats in maps]
        reasons.append(f"{sizes} px: maps {shapes}, which do not share a stride")
    raise ValueError(
        f"The teacher {name} must map images (V, 3, H, W) in 0..1 to maps (V, C, h, w) of some "
        f"stride, but none of the tried sizes did. First: {reasons[0]}; last: {reasons[-1]}."
    )


@torch.no_grad()
def _call(network: Callable[[Tensor], Any], height: int, width: int) -> Tensor:
    feats = network(torch.zeros(1, 3, height, width))
    if not isinstance(feats, Tensor):
        raise TypeError(f"it gives a {type(feats).__name__}, not a tensor")
    if feats.dim() != 4 or len(feats) != 1 or 0 in feats.shape:
        raise TypeError(f"it gives the shape {tuple(feats.shape)}, not (1, C, h, w)")
    return feats


def _find_stride(size: tuple[int, int], feats: Tensor) -> int:
    """Return the largest stride of which a map covers an image; 0 if there is none."""
    for stride in range(min(size), 0, -1):
        if tuple(math.ceil(side / stride) for side in size) == tuple(feats.shape[-2:]):
            return stride
    return 0
