"""Names of the layers of MinkUNet in other stacks, as tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from perception_kd.export.weights.layers import LayerPair, Layouts
from perception_kd.export.weights.layouts import MINKOWSKI, MINKOWSKI_5, SPCONV2_XYZ, SPCONV2_XYZ_5
from perception_kd.models.backbones.minkunet import MinkUNet

# Layers of a residual block of ours; the last two are those of its shortcut.
_BLOCK = ("conv1", "bn1", "conv2", "bn2", "downsample.0", "downsample.1")


@dataclass(frozen=True)
class UNetNames:
    """Names of the layers of a U-Net in another stack.

    In names, ``{stage}`` counts from 0 in the order of the data, in encoder and decoder
    alike; ``{rest}`` counts the stages that follow; ``{layer}`` counts the strided
    layers from 1 over both; ``{stride}`` is that of the layer's input in voxels;
    ``{block}`` counts the blocks of a stage.

    Attributes:
        stem: First convolution, and its norm.
        down: Strided convolution of an encoder stage, and its norm.
        up: Inverse convolution of a decoder stage, and its norm.
        encoder_block: Residual block of the encoder.
        decoder_block: Residual block of the decoder.
        block: The layers of a block, in the order of ours.
        norm: What follows the name of a norm.
        kernel: Name of the weight of a convolution.
        stem_layouts: Layouts of the first convolution.
        layouts: Layouts of the other convolutions.
    """

    stem: tuple[str, str]
    down: tuple[str, str]
    up: tuple[str, str]
    encoder_block: str
    decoder_block: str
    block: tuple[str, ...]
    norm: str
    kernel: str
    stem_layouts: Layouts
    layouts: Layouts


# SLidR's Res16UNet; the stem has as many cells as ours.
SLIDR_UNET = UNetNames(
    stem=("conv0p1s1", "bn0"),
    down=("conv{layer}p{stride}s2", "bn{layer}"),
    up=("convtr{before}p{stride}s2", "bntr{before}"),
    encoder_block="block{layer}.{block}",
    decoder_block="block{layer}.{block}",
    block=("conv1", "norm1", "conv2", "norm2", "downsample.0", "downsample.1"),
    norm=".bn",
    kernel="kernel",
    stem_layouts={"weight": MINKOWSKI},
    layouts={"weight": MINKOWSKI},
)
# Pointcept's MinkUNet is the same with 5^3 cells in the stem.
POINTCEPT_MINKUNET = UNetNames(**{**vars(SLIDR_UNET), "stem_layouts": {"weight": MINKOWSKI_5}})
# Pointcept's SpUNet-v1m1 has its grid in the order x, y, z and counts its decoder from
# the last stage.
POINTCEPT_SPUNET = UNetNames(
    stem=("conv_input.0", "conv_input.1"),
    down=("down.{stage}.0", "down.{stage}.1"),
    up=("up.{rest}.0", "up.{rest}.1"),
    encoder_block="enc.{stage}.block{block}",
    decoder_block="dec.{rest}.block{block}",
    block=("conv1", "bn1", "conv2", "bn2", "proj.0", "proj.1"),
    norm="",
    kernel="weight",
    stem_layouts={"weight": SPCONV2_XYZ_5},
    layouts={"weight": SPCONV2_XYZ},
)


def pair_unet(network: nn.Module, names: UNetNames, ours: str, theirs: str) -> Iterator[LayerPair]:
    """Pair the layers of a MinkUNet with those of another stack.

    Args:
        network: Network of ours; another one than MinkUNet has no layers.
        names: Their names.
        ours: What precedes our names, with its dot.
        theirs: What precedes theirs, with its dot.
    """
    if not isinstance(network, MinkUNet):
        return
    num_stages = network.num_stages
    yield from _pair_conv(names, f"{ours}conv_input.0", names.stem, theirs, names.stem_layouts)
    for stage, layers in enumerate(cast(Any, network.encoder)):
        fields = {"stage": stage, "rest": num_stages - 1 - stage, "stride": 2**stage}
        fields |= {"layer": stage + 1, "before": stage}
        yield from _pair_conv(names, f"{ours}encoder.{stage}.0", _fill(names.down, fields), theirs)
        for block in range(len(layers) - 1):
            name = names.encoder_block.format(**fields, block=block)
            inside = layers[block + 1]
            yield from _pair_block(
                names, inside, f"{ours}encoder.{stage}.{block + 1}.", f"{theirs}{name}."
            )
    for stage, (_, blocks) in enumerate(cast(Any, network.decoder)):
        fields = {"stage": stage, "rest": num_stages - 1 - stage}
        fields |= {"stride": 2 ** (num_stages - stage), "layer": num_stages + stage + 1}
        fields |= {"before": num_stages + stage}
        yield from _pair_conv(names, f"{ours}decoder.{stage}.0", _fill(names.up, fields), theirs)
        for block, inside in enumerate(blocks):
            name = names.decoder_block.format(**fields, block=block)
            yield from _pair_block(
                names, inside, f"{ours}decoder.{stage}.1.{block}.", f"{theirs}{name}."
            )


def describe_unet(network: MinkUNet) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Return the channels of the stem, those of all stages, and their blocks."""
    encoder, decoder = cast(Any, network.encoder), cast(Any, network.decoder)
    planes = [stage[-1].conv2.weight.shape[0] for stage in encoder]
    planes += [blocks[-1].conv2.weight.shape[0] for _, blocks in decoder]
    layers = [len(stage) - 1 for stage in encoder] + [len(blocks) for _, blocks in decoder]
    stem = cast(Any, network.conv_input)[0][0].weight.shape[0]
    return int(stem), tuple(map(int, planes)), tuple(layers)


def _fill(pair: tuple[str, str], fields: dict[str, int]) -> tuple[str, str]:
    return pair[0].format(**fields), pair[1].format(**fields)


def _pair_conv(
    names: UNetNames,
    ours: str,
    conv_and_norm: tuple[str, str],
    theirs: str,
    layouts: Layouts | None = None,
) -> Iterator[LayerPair]:
    conv, norm = conv_and_norm
    leaves = {"weight": names.kernel}
    yield LayerPair(f"{ours}.0", f"{theirs}{conv}", layouts or names.layouts, leaves)
    yield LayerPair(f"{ours}.1", f"{theirs}{norm}{names.norm}")


def _pair_block(names: UNetNames, block: nn.Module, ours: str, theirs: str) -> Iterator[LayerPair]:
    for own, other in zip(_BLOCK, names.block, strict=True):
        if own.startswith("downsample") and getattr(block, "downsample", None) is None:
            continue
        if own in ("bn1", "bn2", "downsample.1"):
            yield LayerPair(f"{ours}{own}", f"{theirs}{other}{names.norm}")
        else:
            leaves = {"weight": names.kernel}
            yield LayerPair(f"{ours}{own}", f"{theirs}{other}", names.layouts, leaves)
