"""The interface of models that mmengine's runner trains and tests."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.structures import Batch
from perception_kd.utils.checks import check_classes


class TaskModel(BaseModel):
    """A model with a loss, predictions, and the tensor that both are computed from.

    Args:
        data_preprocessor: Collates samples to the batch of ``docs/sample.md``.
    """

    @property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the classes in order, by their key in data samples and metainfo.

        They are compared with those of each data set and written into predictions.
        Empty if a model knows no names.
        """
        return {}

    def check_data_classes(self, metainfo: Mapping[str, Any]) -> None:
        """Check that the labels of a data set count the classes of this model.

        Args:
            metainfo: Metainfo of the data set; names that it lacks are not checked.

        Raises:
            ValueError: If names or their order differ.
        """
        for key, names in self.class_names.items():
            check_classes(f"{key} of the data", metainfo.get(key, names), names)

    def check_trained_on(self, checkpoint: Checkpoint, metainfo: Mapping[str, Any]) -> None:
        """Check that training and test use the same classes.

        A model that knows the names of its classes needs no such check.

        Args:
            checkpoint: Checkpoint of the model, as mmengine's runner writes it.
            metainfo: Metainfo of the test data.

        Raises:
            ValueError: If both have names and these differ.
        """

    def forward(
        self, inputs: Batch, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch by mode.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One per sample; not needed if ``mode`` is "tensor".
            mode: "loss" for :meth:`loss`, "predict" for :meth:`predict`, "tensor" for
                :meth:`forward_tensor`.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
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

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Return what an evaluator scores.

        By default, as in pre-training, these are the model's own losses and monitors on
        held-out data: a list of one dict, for ``MeanOverBatches``.
        """
        losses = self.loss(inputs, data_samples)
        return [{name: float(value) for name, value in losses.items()}]

    @abstractmethod
    def forward_tensor(self, inputs: Batch) -> Any:
        """Return the features or scores before any loss."""
