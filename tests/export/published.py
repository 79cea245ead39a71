"""Names and shapes of the parameters of other stacks, as their code defines them.

- OpenPCDet: pcdet/models/backbones_3d/spconv_backbone.py, vfe/pillar_vfe.py,
  backbones_2d/base_bev_backbone.py
- mit-han-lab/bevfusion: mmdet3d/models/fusion_models/bevfusion.py, backbones/, necks/,
  vtransforms/
- Pointcept: pointcept/models/sparse_unet/mink_unet.py, spconv_unet_v1m1_base.py
- SLidR: model/res16unet.py, model/spconv_backbone.py
"""

from tests.export.networks import norm_tensors

Shapes = dict[str, tuple[int, ...]]

# Pillars of 0.2 m: convolutions and norms of BaseBEVBackbone, by number of the layer in
# its block, with LAYER_NUMS [3, 5, 5] and NUM_FILTERS [64, 128, 256].
_BLOCKS = ((64, 64, 3), (64, 128, 5), (128, 256, 5))
# VoxelResBackBone8x: strided convolutions, then two residual blocks of a stage.
_STAGES = ((None, 16), (16, 32), (32, 64), (64, 128))
# VoxelBackBone8x: input and output channels of the blocks of its stages.
_PLAIN: tuple[tuple[tuple[int, int], ...], ...] = (
    ((16, 16),),
    ((16, 32), (32, 32), (32, 32)),
    ((32, 64), (64, 64), (64, 64)),
    ((64, 64), (64, 64), (64, 64)),
)
_PLANES = (32, 64, 128, 256, 256, 128, 96, 96)
_DEPTH = (2, 3, 4, 6, 2, 2, 2, 2)


def norm(name: str, channels: int) -> Shapes:
    """Return the tensors of a batch norm."""
    return {f"{name}.{leaf}": shape for leaf, shape in norm_tensors(channels).items()}


def openpcdet_pillars() -> Shapes:
    """PillarVFE of five point features, NUM_FILTERS [64], and BaseBEVBackbone."""
    found = {"vfe.pfn_layers.0.linear.weight": (64, 11), **norm("vfe.pfn_layers.0.norm", 64)}
    for number, (before, after, layers) in enumerate(_BLOCKS):
        for layer in range(layers + 1):
            name = f"backbone_2d.blocks.{number}"
            found[f"{name}.{1 + 3 * layer}.weight"] = (after, before if layer == 0 else after, 3, 3)
            found |= norm(f"{name}.{2 + 3 * layer}", after)
    # Strides 0.5, 1 and 2: a convolution, and two transposed ones.
    for number, shape in enumerate(((128, 64, 2, 2), (128, 128, 1, 1), (256, 128, 2, 2))):
        found[f"backbone_2d.deblocks.{number}.0.weight"] = shape
        found |= norm(f"backbone_2d.deblocks.{number}.1", 128)
    return found


def openpcdet_residual(*, spconv: int = 2) -> Shapes:
    """VoxelResBackBone8x of five voxel features."""
    kernels = {"conv_input.0": ((3, 3, 3), 5, 16), "conv_out.0": ((3, 1, 1), 128, 128)}
    found = {**norm("conv_input.1", 16), **norm("conv_out.1", 128)}
    for number, (before, after) in enumerate(_STAGES, start=1):
        first = 0
        if before is not None:
            kernels[f"conv{number}.0.0"] = ((3, 3, 3), before, after)
            found |= norm(f"conv{number}.0.1", after)
            first = 1
        for block in (first, first + 1):
            for conv in (1, 2):
                name = f"conv{number}.{block}"
                kernels[f"{name}.conv{conv}"] = ((3, 3, 3), after, after)
                found[f"{name}.conv{conv}.bias"] = (after,)
                found |= norm(f"{name}.bn{conv}", after)
    for name, (kernel, before, after) in kernels.items():
        weight = (after, *kernel, before) if spconv == 2 else (*kernel, before, after)
        found[f"{name}.weight"] = weight
    return {f"backbone_3d.{name}": shape for name, shape in found.items()}


def plain_encoder(in_channels: int) -> Shapes:
    """VoxelBackBone8x, which SLidR's VoxelNet is, in the layout of spconv 2."""
    found = {
        "conv_input.0.weight": (16, 3, 3, 3, in_channels),
        "conv_out.0.weight": (128, 3, 1, 1, 64),
        **norm("conv_input.1", 16),
        **norm("conv_out.1", 128),
    }
    for number, blocks in enumerate(_PLAIN, start=1):
        for block, (before, after) in enumerate(blocks):
            found[f"conv{number}.{block}.0.weight"] = (after, 3, 3, 3, before)
            found |= norm(f"conv{number}.{block}.1", after)
    return found


def bevfusion_lidar() -> Shapes:
    """SparseEncoder with residual blocks, axes x, y, z, and the decoder on its map."""
    lidar = "encoders.lidar.backbone"
    kernels = {"conv_input.0": ((3, 3, 3), 5, 16), "conv_out.0": ((1, 1, 3), 128, 128)}
    found = {**norm(f"{lidar}.conv_input.1", 16), **norm(f"{lidar}.conv_out.1", 128)}
    for number, channels in enumerate((16, 32, 64, 128), start=1):
        stage = f"encoder_layers.encoder_layer{number}"
        for block in (0, 1):
            for conv in (1, 2):
                kernels[f"{stage}.{block}.conv{conv}"] = ((3, 3, 3), channels, channels)
                found |= norm(f"{lidar}.{stage}.{block}.bn{conv}", channels)
        if number < 4:
            kernels[f"{stage}.2.0"] = ((3, 3, 3), channels, 2 * channels)
            found |= norm(f"{lidar}.{stage}.2.1", 2 * channels)
    for name, (kernel, before, after) in kernels.items():
        found[f"{lidar}.{name}.weight"] = (*kernel, before, after)
    for number, (before, after) in enumerate(((256, 128), (128, 256))):
        for layer in range(6):
            name = f"decoder.backbone.blocks.{number}"
            found[f"{name}.{3 * layer}.weight"] = (after, before if layer == 0 else after, 3, 3)
            found |= norm(f"{name}.{3 * layer + 1}", after)
    for number, shape in enumerate(((256, 128, 1, 1), (256, 256, 2, 2))):
        found[f"decoder.neck.deblocks.{number}.0.weight"] = shape
        found |= norm(f"decoder.neck.deblocks.{number}.1", 256)
    return found


def bevfusion_camera() -> Shapes:
    """GeneralizedLSSFPN and LSSTransform of the camera-only detector of nuScenes.

    ``vtransform`` there also has ``dx``, ``bx``, ``nx`` and ``frustum``, which follow
    from the settings.
    """
    camera = "encoders.camera"
    found: Shapes = {}
    # Levels of 192, 384 and 768 channels; the deepest is joined to the one before.
    for number, channels in enumerate((192 + 256, 384 + 768)):
        for kind, shape in (("lateral", (256, channels, 1, 1)), ("fpn", (256, 256, 3, 3))):
            name = f"{camera}.neck.{kind}_convs.{number}"
            found[f"{name}.conv.weight"] = shape
            found |= norm(f"{name}.bn", 256)
    # 118 depths, from 1 to 60 m in steps of 0.5 m, and 80 channels.
    found[f"{camera}.vtransform.depthnet.weight"] = (198, 256, 1, 1)
    found[f"{camera}.vtransform.depthnet.bias"] = (198,)
    for layer in (0, 3, 6):
        found[f"{camera}.vtransform.downsample.{layer}.weight"] = (80, 80, 3, 3)
        found |= norm(f"{camera}.vtransform.downsample.{layer + 1}", 80)
    return found


def minkowski_unet(stem: int, classes: int) -> Shapes:
    """Res16UNet34C of one voxel feature, with MinkowskiEngine's kernels.

    Args:
        stem: Cells of the first kernel.
        classes: Output channels of the last layer.
    """
    found: Shapes = {"conv0p1s1.kernel": (stem, 1, 32), **norm("bn0.bn", 32)}
    before, skips = 32, [32]
    for stage, planes in enumerate(_PLANES):
        if stage < 4:
            found[f"conv{stage + 1}p{2**stage}s2.kernel"] = (8, before, before)
            found |= norm(f"bn{stage + 1}.bn", before)
            inside = before
        else:
            found[f"convtr{stage}p{2 ** (8 - stage)}s2.kernel"] = (8, before, planes)
            found |= norm(f"bntr{stage}.bn", planes)
            inside = planes + skips[7 - stage]
        for block in range(_DEPTH[stage]):
            name = f"block{stage + 1}.{block}"
            found[f"{name}.conv1.kernel"] = (27, inside, planes)
            found[f"{name}.conv2.kernel"] = (27, planes, planes)
            found |= norm(f"{name}.norm1.bn", planes) | norm(f"{name}.norm2.bn", planes)
            if inside != planes:
                found[f"{name}.downsample.0.kernel"] = (inside, planes)
                found |= norm(f"{name}.downsample.1.bn", planes)
            inside = planes
        before = planes
        skips.append(planes)
    return {**found, "final.kernel": (96, classes), "final.bias": (1, classes)}


def spunet(channels: tuple[int, ...], layers: tuple[int, ...], in_channels: int) -> Shapes:
    """SpUNet-v1m1 without classifier, with a stem as wide as its first stage."""
    base, stages = channels[0], len(layers) // 2
    found: Shapes = {"conv_input.0.weight": (base, 5, 5, 5, in_channels)}
    found |= norm("conv_input.1", base)
    skip, after = base, channels[-1]

    def add_blocks(name: str, first: int, planes: int, number: int) -> None:
        for block in range(number):
            before = first if block == 0 else planes
            place = f"{name}.block{block}"
            found[f"{place}.conv1.weight"] = (planes, 3, 3, 3, before)
            found[f"{place}.conv2.weight"] = (planes, 3, 3, 3, planes)
            found.update(norm(f"{place}.bn1", planes) | norm(f"{place}.bn2", planes))
            if before != planes:
                found[f"{place}.proj.0.weight"] = (planes, 1, 1, 1, before)
                found.update(norm(f"{place}.proj.1", planes))

    for stage in range(stages):
        planes = channels[stage]
        found[f"down.{stage}.0.weight"] = (planes, 2, 2, 2, skip)
        found |= norm(f"down.{stage}.1", planes)
        add_blocks(f"enc.{stage}", planes, planes, layers[stage])
        below = channels[len(channels) - stage - 2]
        found[f"up.{stage}.0.weight"] = (after, 2, 2, 2, below)
        found |= norm(f"up.{stage}.1", after)
        add_blocks(f"dec.{stage}", after + skip, after, layers[len(channels) - stage - 1])
        skip, after = planes, below
    return found
