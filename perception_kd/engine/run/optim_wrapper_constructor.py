"""Check the settings of an optimizer for single parameters."""

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from perception_kd.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(name="DefaultOptimWrapperConstructor")
class CheckedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with an error where a custom key matches no parameter.

    A key of ``optim_wrapper.paramwise_cfg.custom_keys`` holds for the parameters whose
    name contains it. mmengine ignores one that is in no name, so a head that should
    learn a hundred times as fast learns like the rest. This class is registered under
    the name of mmengine's, so every config uses it.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model.

        Raises:
            ValueError: If a custom key is in the name of no parameter.
        """
        names = [name for name, _ in model.named_parameters()]
        for key in self.paramwise_cfg.get("custom_keys", {}):
            if not any(key in name for name in names):
                parts = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
                raise ValueError(
                    f"custom_keys: no name of a parameter contains {key!r}; the model's parts are "
                    f"{parts}."
                )
        return super().__call__(model)
