"""Networks of images and BEV maps compiled by torch."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from perception_kd.models.backbones.frozen import FrozenBackbone
from perception_kd.registry import HOOKS

_NAMES = (
    "img_backbone",
    "img_neck",
    "pts_backbone",
    "pts_neck",
    "fuser",
    "bev_backbone",
    "bev_neck",
)


@HOOKS.register_module()
class CompileDenseHook(Hook):
    """Compile the dense networks of a model by ``torch.compile``.

    Names of weights do not change, so checkpoints go with any training; results change
    in their last digits. Parts whose shapes depend on the points (voxels, sparse
    networks, heads at points, losses) are not compiled: they would be split at each of
    those places.

    Args:
        backend: Backend of ``torch.compile``.
    """

    def __init__(self, backend: str = "inductor") -> None:
        self.backend = backend

    def before_train(self, runner: Runner) -> None:
        """Compile the networks of the model, each at its first batch."""
        model = runner.model
        names = compile_dense_parts(getattr(model, "module", model), self.backend)
        runner.logger.info(f"Compiled by {self.backend} at their first batch: {', '.join(names)}")


def compile_dense_parts(model: nn.Module, backend: str = "inductor") -> list[str]:
    """Compile the backbones, necks and fusion with 2D convolutions, in place.

    Args:
        model: Model with the parts of mmdet3d's names.
        backend: Backend of ``torch.compile``.

    Returns:
        Names of the parts.

    Raises:
        ValueError: If the model has none of them.
    """
    parts = {name: getattr(model, name, None) for name in _NAMES}
    dense = {name: part for name, part in parts.items() if part is not None and _is_dense(part)}
    if not dense:
        raise ValueError(
            "CompileDenseHook needs a backbone, neck or fusion with 2D convolutions, but the "
            "model has none; train without --compile."
        )
    for part in dense.values():
        # A frozen network's loop over views is not compiled.
        network = part.backbone if isinstance(part, FrozenBackbone) else part
        network.compile(backend=backend)
    return list(dense)


def _is_dense(part: nn.Module) -> bool:
    return any(isinstance(each, nn.Conv2d | nn.ConvTranspose2d) for each in part.modules())
