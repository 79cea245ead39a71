"""Start a training from the weights of another one."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.nn import Module

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class LoadPretrainedHook(Hook):
    """Load weights into a part of the model before the first iteration.

    This is after ``init_weights``, which would overwrite them. A resumed run, whose own
    weights are newer, loads nothing.

    Args:
        checkpoint: File to load; None keeps the random initialization, as a baseline
            for pre-trained runs.
        prefix: Only keys that start with it are used, without it.
        module: Part of the model to load into; by default the prefix without its dot:
            ``prefix="pts_backbone."`` loads into ``model.pts_backbone``. An empty
            string is the whole model.
        min_share: Smallest share of the part's parameters that must be loaded.
        ignore: Prefixes of names of parameters that may stay as they are.
        only: One or more prefixes of names of parameters to load, except those in
            ``ignore``. By default all are loaded.

    Raises:
        ValueError: If ``only`` is empty.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        prefix: str = "",
        module: str | None = None,
        min_share: float = 0.9,
        ignore: Sequence[str] = (),
        only: Sequence[str] | str | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.module = prefix.rstrip(".") if module is None else module
        self.min_share = min_share
        self.ignore = tuple(ignore)
        if only is None:
            only = ""
        elif not only:
            raise ValueError(f"only={only!r} is empty; leave it out to load all parameters.")
        self.only = (only,) if isinstance(only, str) else tuple(only)

    def before_train(self, runner: Runner) -> None:
        """Load, unless the run was resumed."""
        if self.checkpoint is None:
            runner.logger.info(
                f"No checkpoint given: {self.module or 'the model'} is initialized at random."
            )
            return
        if runner.iter > 0:
            runner.logger.info(f"The run is resumed, so {self.checkpoint} is not loaded.")
            return
        self.load(runner.model.module if is_model_wrapper(runner.model) else runner.model)

    def load(self, model: Module) -> None:
        """Load the checkpoint, if there is one, into the part of a model.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the model has no such part, or the weights do not fit.
        """
        if self.checkpoint is None:
            return
        try:
            part = model.get_submodule(self.module)
        except AttributeError as error:
            parts = ", ".join(name for name, _ in model.named_children())
            raise ValueError(
                f'The model has no part module="{self.module}"; its parts are {parts}.'
            ) from error
        ignore = (*self.ignore, *self._others(part))
        load_pretrained(part, self.checkpoint, self.prefix, min_share=self.min_share, ignore=ignore)

    def _others(self, part: Module) -> list[str]:
        """Return the names that ``only`` excludes."""
        names = [name for name in part.state_dict() if not name.startswith(self.ignore)]
        for beginning in self.only:
            if not any(name.startswith(beginning) for name in names):
                parts = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
                raise ValueError(
                    f'only: no parameter starts with "{beginning}" (after ignore); '
                    f"the parts are {parts}."
                )
        return [name for name in names if not name.startswith(self.only)]


def list_sources(settings: Any) -> list[dict[str, Any]]:
    """Return the hook arguments of a config's ``load_pretrained_from`` as a list."""
    return list(settings) if isinstance(settings, list) else [settings] if settings else []
