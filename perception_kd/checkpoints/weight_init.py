"""``init_cfg=dict(type="Pretrained", ...)`` with a report of what it loaded."""

from pathlib import Path

from mmengine.model.weight_init import update_init_info
from torch import nn

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module(name="Pretrained")
class CheckedPretrainedInit:
    """Start a part from a local checkpoint, with the report of the load.

    In this project's scope it replaces mmengine's initializer of the same name, which
    leaves what does not match at random. A method ``from_published`` of the part, if it
    has one, maps the names of published files to its own.

    Args:
        checkpoint: Local file.
        prefix: Only keys that start with it are used, without it.
        min_share: Smallest share of the part's parameters that must be loaded.
        ignore: Prefixes of names of the part that may stay as they are.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        min_share: float = 0.95,
        ignore: tuple[str, ...] = (),
    ) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix or ""
        self.min_share = min_share
        self.ignore = tuple(ignore)

    def __call__(self, module: nn.Module) -> None:
        """Load into the part.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it does not match, as in
                :func:`~perception_kd.checkpoints.loading.load_pretrained`.
        """
        if not Path(self.checkpoint).is_file():
            raise FileNotFoundError(
                f"No checkpoint at {self.checkpoint} to start {type(module).__name__} from; put it "
                "there, name another file with --cfg-options PART.init_cfg.checkpoint=FILE, or "
                "start from random weights with PART.init_cfg=None, where PART is its place in the "
                "config, such as model.img_backbone."
            )
        load_pretrained(
            module,
            self.checkpoint,
            self.prefix,
            min_share=self.min_share,
            ignore=self.ignore,
            convert=getattr(module, "from_published", None),
        )
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=f"Pretrained: loaded from {self.checkpoint}")
