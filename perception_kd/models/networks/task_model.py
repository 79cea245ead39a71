"""What mmengine's runner asks of every model here."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor

from perception_kd.structures import Batch
from perception_kd.utils.checks import check_classes


class TaskModel(BaseModel):
    """A model with a loss, predictions, and what both are made from.

    Args:
        data_preprocessor: Collates samples to the batch of ``docs/sample.md``.
    """

    @property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the classes in order, by the key that a data sample has them under.

        What is named is compared with data samples that have names, and written into
        those with predictions. Empty where a model knows none.
        """
        return {}

    def forward(
        self, inputs: Batch, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch as mmengine's runner asks.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One a sample; none are needed where ``mode`` is "tensor".
            mode: "loss" for :meth:`loss`, "predict" for :meth:`predict`, "tensor" for
                :meth:`forward_tensor`.

        Raises:
            ValueError: If ``mode`` is none of these, or the samples' labels count other
                classes than the model.
        """
        for key, names in self.class_names.items():
            for sample in data_samples or []:
                check_classes(f"{key} of the data", sample.get(key, names), names)
        if mode == "loss":
            return self.loss(inputs, data_samples or [])
        if mode == "predict":
            predicted = self.predict(inputs, data_samples or [])
            for sample in predicted if self.class_names else ():
                sample.set_metainfo(dict(self.class_names))
            return predicted
        if mode == "tensor":
            return self.forward_tensor(inputs)
        raise ValueError(f'mode must be "loss", "predict" or "tensor", but got "{mode}".')

    @abstractmethod
    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute ``loss_*`` and monitors of one batch."""

    @abstractmethod
    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Return what an evaluator scores."""

    @abstractmethod
    def forward_tensor(self, inputs: Batch) -> Any:
        """Return the features or scores before any loss."""


class Pretrainer(TaskModel):
    """A model that is judged by its own losses on data that it does not train on."""

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Return a list of one dict of losses and monitors, for ``MeanOverBatches``."""
        losses = self.loss(inputs, data_samples)
        return [{name: float(value) for name, value in losses.items()}]
